package hl7

import (
	"errors"
	"fmt"
)

// A LocatedError is an error about a place in a message, as an acknowledgement says
// it (ERR-2, ERR-3).
type LocatedError struct {
	At   Path
	Code Code // 0 leaves it to the kind of the error
	err  error
}

// Located gives an error a place.
func Located(err error, at Path, code Code) error {
	if err == nil {
		return nil
	}
	return &LocatedError{At: at, Code: code, err: err}
}

// Error returns the text of the error it was made from.
func (e *LocatedError) Error() string { return e.err.Error() }

// Unwrap returns the error it was made from.
func (e *LocatedError) Unwrap() error { return e.err }

// at gives an error the place of a field.
func at(err error, segment string, field int) error {
	return Located(err, Path{Segment: segment, Field: field}, DataTypeError)
}

// located gives an error the place of a segment, if it has none yet.
func located(err error, segment string, n int) error {
	if e := new(LocatedError); errors.As(err, &e) {
		return err
	}
	return Located(fmt.Errorf("%s[%d]: %w", segment, n, err), Path{Segment: segment, Occurrence: n}, 0)
}
