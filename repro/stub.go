package repro
var pipelining1997 Experiment
