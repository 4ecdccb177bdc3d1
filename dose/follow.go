package dose

// UnpackEvent reads the event that a row of dose_event holds packed, for rooms that follow
// what is derived of a study. Of nothing, as rows of an earlier version have it, it is the
// zero event. Invalid: what nobody packed.
func UnpackEvent(packed []byte) (EventJSON, error) {
	var e EventJSON
	err := unpack(packed, &e)
	return e, err
}
