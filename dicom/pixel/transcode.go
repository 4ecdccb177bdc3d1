package pixel

import (
	"context"
	"io"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// CanTranscode reports whether Transcode can turn the transfer syntax from into
// to without loss, as far as that depends on the two alone.
func CanTranscode(from, to uid.UID) bool { return false }

// Transcode returns the data set of f, without meta information, in transfer
// syntax to. It is made while it is read, frame by frame, with no more than a
// few frames in memory. The first frame is decoded before Transcode returns, so
// that an error of a kind that a caller wants to know early comes early;
// later ones come from Read. The source of f must stay usable until the reader
// is closed, which the caller must do. Errors are Unsupported (no way from there
// to here without loss) and those of FramesOf and Decode.
func Transcode(ctx context.Context, f *dicom.File, to uid.UID) (io.ReadCloser, error) {
	return nil, fault.Errorf(fault.Unsupported, "transfer syntax %v", to)
}
