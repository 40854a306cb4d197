;; The smallest validator: it describes itself and finds nothing.
(component
  (core module $code
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
    (func (export "validate") (result i32) (i32.const 64)))
  (core instance $i (instantiate $code))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (type $info (record
    (field "name" string) (field "version" string) (field "summary" string) (field "config-schema" string)))
  (type $describe-type (func (result $info)))
  (type $check-type (func (param "json" string) (result (result (error (list string))))))
  (func $describe (type $describe-type)
    (canon lift (core func $i "describe") (memory $memory) string-encoding=utf8))
  (func $check (type $check-type)
    (canon lift (core func $i "check-config") (memory $memory) (realloc (core func $realloc)) string-encoding=utf8))
  (func $validate (result (result (list string) (error string)))
    (canon lift (core func $i "validate") (memory $memory) string-encoding=utf8))
  ;; A record must have a name where it is exported, which takes a component around it.
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
  (instance $validator (export "validate" (func $validate)))
  (export "sluice:plugin/validator@1.0.0" (instance $validator)))
