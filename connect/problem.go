package connect

import (
	"errors"

	"radagora/fault"
	"radagora/hl7"
)

// A Problem is something in a message that could not be used. It shows no value.
type Problem struct {
	At   string `json:"at,omitempty"`  // PID-7
	Key  string `json:"key,omitempty"` // one of ProblemKeys; "" for what only What tells
	What string `json:"what"`          // for programs and logs, in English
}

// The problems that have a text in each language. What a message that cannot be taken
// apart lacks is told in English alone.
const (
	problemOrderNumber  = "order_number"
	problemReportNumber = "report_number"
	problemOtherPatient = "other_patient"
	problemReportOf     = "report_of"
	problemModality     = "modality"
	problemCode         = "code"
	problemFact         = "fact"
	problemUnit         = "unit"
	problemUnitKind     = "unit_kind"
	problemNumber       = "number"
	problemTime         = "time"
	problemFuture       = "future"
	problemEncoding     = "encoding"
	problemFiles        = "files"
	problemPDF          = "pdf"
	problemFileType     = "file_type"
	problemText         = "text"
)

// ProblemKeys returns the keys of Problem.
func ProblemKeys() []string {
	return []string{
		problemOrderNumber, problemReportNumber, problemOtherPatient, problemReportOf, problemModality, problemCode, problemFact, problemUnit, problemUnitKind,
		problemNumber, problemTime, problemFuture, problemEncoding, problemFiles, problemPDF, problemFileType, problemText,
	}
}

// A keyed error has the key of its text.
type keyed struct {
	error
	key string
}

func (k keyed) Unwrap() error { return k.error }

// unusable makes such an error.
func unusable(kind fault.Kind, key, text string, args ...any) error {
	return keyed{fault.Errorf(kind, text, args...), key}
}

// under gives err a key; nil stays nil.
func under(key string, err error) error {
	if err == nil {
		return nil
	}
	return keyed{err, key}
}

func keyOf(err error) string {
	if k, ok := errors.AsType[keyed](err); ok {
		return k.key
	}
	return ""
}

func problemOf(err error) Problem {
	p := Problem{Key: keyOf(err), What: err.Error()}
	if e := new(hl7.LocatedError); errors.As(err, &e) {
		p.At = e.At.String()
	}
	return p
}
