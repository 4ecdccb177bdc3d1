package disk

// Datasync is for the benchmark, which compares with it alone.
var Datasync = datasync
