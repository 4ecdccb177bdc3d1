package dicomweb

import (
	"context"
	"io"

	"radagora/dicom"
	"radagora/dicom/uid"
)

// An Arrival is one object that a request brings: a file (PS3.10).
type Arrival struct {
	Study uid.UID // what the path named; the object must be of it
	Data  io.Reader
}

// A Stored says what became of an object that is durable now.
type Stored struct {
	Study, Series, SOP, SOPClass uid.UID
	// Aside says that another object was there under its UID: that one stays, and
	// this one cannot be retrieved.
	Aside    bool
	Warnings []dicom.Warning
}

// A Receipt is for an object that was read to its end. Only the nil error of Wait is
// an acknowledgement.
type Receipt interface {
	Wait(ctx context.Context) (Stored, error)
}

// A Receiver takes objects.
type Receiver interface {
	// Receive reads a.Data to its end. Errors: Invalid for what is no DICOM object;
	// Exhausted for what is too long or has no room; Forbidden; Unavailable, also if
	// a.Data failed. The object must not be kept then.
	Receive(ctx context.Context, a Arrival) (Receipt, error)
}

// A Spool holds bytes that come before their place in an object: a temporary file.
type Spool interface {
	io.Writer
	io.ReaderAt
	io.Closer
}
