package archive

import (
	"context"
	"io"

	"radagora/blob"
	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// An Object is an instance with its bytes: a DICOM file (PS3.10), as it was sent
// or behind meta information of our own. The caller closes it. ReadAt may be
// called concurrently.
type Object struct {
	blob.Object
	Instance Instance
	Aside    bool // it is in quarantine; only what Objects yields says so
}

// Open opens the instance of that SOP Instance UID. NotFound: there is none. The
// bytes are as they were received, but for what was corrected since; whether they
// still are is for Check to find.
func (a *Archive) Open(ctx context.Context, site string, sop uid.UID) (Object, error) {
	i, err := a.Instance(ctx, site, sop)
	if err != nil {
		return Object{}, err
	}
	o, err := a.OpenInstance(ctx, i)
	if err == nil || fault.Of(err) != fault.NotFound {
		return o, err
	}
	if now, again := a.Instance(ctx, site, sop); again == nil && now.ref != i.ref {
		return a.OpenInstance(ctx, now) // it was moved to another pack between the two looks
	}
	return Object{}, err
}

// OpenInstance opens an instance that was looked up, with what was corrected since it
// was received.
func (a *Archive) OpenInstance(ctx context.Context, i Instance) (Object, error) {
	o, err := a.OpenReceived(ctx, i)
	if err != nil || i.corrected == "" {
		return o, err
	}
	now, err := a.right(ctx, a.DB, o)
	if err != nil {
		o.Close()
		return Object{}, err
	}
	return now, nil
}

// Reader returns a reader over the whole file.
func (o Object) Reader() *io.SectionReader { return io.NewSectionReader(o, 0, o.Size()) }

// DatasetAt returns where in the file the data set begins, in bytes; what stands
// before is preamble and meta information.
func (o Object) DatasetAt() int64 { return o.Instance.datasetAt }

// Read indexes the file. Values are read when they are asked for, so the object
// must stay open as long as the result is used.
func (o Object) Read(opts *dicom.Options) (*dicom.File, error) { return dicom.Open(o, o.Size(), opts) }
