;; The smallest validator: it describes itself and finds nothing.
(component
  (import "sluice:plugin/types@1.0.0" (instance $types
    (type $severity-is (enum "info" "warning" "error"))
    (export "severity" (type $severity (eq $severity-is)))
    (type $location-is (variant (case "bundle") (case "metadata" string) (case "file" string)))
    (export "location" (type $location (eq $location-is)))
    (type $finding-is (record
      (field "severity" $severity) (field "code" string) (field "message" string) (field "location" $location)
      (field "hint" (option string))))
    (export "finding" (type (eq $finding-is)))
    (type $failure-is (variant (case "bad-config" string) (case "unavailable" string) (case "other" string)))
    (export "failure" (type (eq $failure-is)))))
  (import "sluice:plugin/bundles@1.0.0" (instance $bundles (export "bundle" (type (sub resource)))))
  (alias export $types "finding" (type $finding))
  (alias export $types "failure" (type $failure))
  (alias export $bundles "bundle" (type $bundle))

  (core func $drop (canon resource.drop $bundle))
  (core module $code
    (import "" "drop" (func $drop (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "tiny" "1.0.0" "Says yes." "{}")
    ;; describe: four texts, each as its place and its length.
    (data (i32.const 32)
      "\00\00\00\00\04\00\00\00" "\04\00\00\00\05\00\00\00" "\09\00\00\00\09\00\00\00" "\12\00\00\00\02\00\00\00")
    ;; check-config and validate: a zero is "ok", and an empty list.
    (data (i32.const 64) "\00\00\00\00\00\00\00\00\00\00\00\00")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "describe") (result i32) (i32.const 32))
    (func (export "check-config") (param i32 i32) (result i32) (i32.const 64))
    (func (export "validate") (param i32) (result i32) (call $drop (local.get 0)) (i32.const 64)))
  (core instance $i (instantiate $code (with "" (instance (export "drop" (func $drop))))))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))

  ;; A record must have a name where it is exported, which takes a component around it.
  (type $info (record
    (field "name" string) (field "version" string) (field "summary" string) (field "config-schema" string)))
  (func $describe (result $info)
    (canon lift (core func $i "describe") (memory $memory) string-encoding=utf8))
  (func $check (param "json" string) (result (result (error (list string))))
    (canon lift (core func $i "check-config") (memory $memory) (realloc (core func $realloc)) string-encoding=utf8))
  (component $plugin
    (type $record (record
      (field "name" string) (field "version" string) (field "summary" string) (field "config-schema" string)))
    (import "info" (type $info (eq $record)))
    (import "describe" (func $describe (result $info)))
    (import "check-config" (func $check (param "json" string) (result (result (error (list string))))))
    (export $named "info" (type $info))
    (export "describe" (func $describe) (func (result $named)))
    (export "check-config" (func $check)))
  (instance $plugin (instantiate $plugin
    (with "info" (type $info)) (with "describe" (func $describe)) (with "check-config" (func $check))))
  (export "sluice:plugin/plugin@1.0.0" (instance $plugin))

  (func $validate (param "bundle" (borrow $bundle)) (result (result (list $finding) (error $failure)))
    (canon lift (core func $i "validate") (memory $memory) string-encoding=utf8))
  (instance $validator (export "validate" (func $validate)))
  (export "sluice:plugin/validator@1.0.0" (instance $validator)))
