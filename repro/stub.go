package repro
var pipelining1997, multiplexing2014 Experiment
