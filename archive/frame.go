package archive

import (
	"context"
	"io"

	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// Frames are the frames of an instance, and where each lies in its object.
type Frames struct {
	N              int     // how many; 0 if the instance has no pixels
	TransferSyntax uid.UID // in which they are encoded

	a *Archive
	i Instance
}

// Frames returns the frames of an instance. Invalid: its pixels do not hold what the
// header says.
func (a *Archive) Frames(ctx context.Context, i Instance) (Frames, error) {
	return Frames{}, fault.Errorf(fault.Unsupported, "frames are still to come")
}

// Open opens frame n, counted from 1, by one ranged read: native frames as they stand
// in the object, encapsulated ones with their fragments joined. length is in bytes.
// The caller closes it. NotFound: there is no such frame.
func (f Frames) Open(ctx context.Context, n int) (r io.ReadCloser, length int64, err error) {
	return nil, 0, fault.Errorf(fault.NotFound, "no frame %d of %d", n, f.N)
}

// A Bulk is one value of an instance, which the caller closes.
type Bulk struct {
	io.ReadCloser
	Length int64 // in bytes
	VR     vr.VR
	// Encapsulated says that the bytes are the fragments of the first frame, joined: the
	// value has one, or its frames are to be asked for one by one.
	Encapsulated bool
}

// Bulk opens the value of an element by the path that Metadata gives it. NotFound: the
// instance has no such element; Invalid: path is none.
func (a *Archive) Bulk(ctx context.Context, i Instance, path string) (Bulk, error) {
	return Bulk{}, fault.Errorf(fault.NotFound, "no such element")
}
