// The native floor of the benchmark: the same signed probes, sent by a program that does nothing else.
module s3-resource-operator.io/tests/bench/nativefloor

go 1.26.6

require github.com/aws/aws-sdk-go-v2 v1.47.5

require github.com/aws/smithy-go v1.28.7 // indirect
