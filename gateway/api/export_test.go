package api

// Endorsers is what a call with transient data names.
var Endorsers = (*API).endorsers
