package archive

import (
	"context"
	"fmt"
	"io"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Frames are the frames of an instance, and where each lies in its object.
type Frames struct {
	N              int     // how many; 0 if the instance has no pixels
	TransferSyntax uid.UID // in which they are encoded

	a     *Archive
	i     Instance
	index frameIndex
}

// Frames returns the frames of an instance. Native ones are found by arithmetic, those
// of a single-frame object by its header; where an encapsulated object with several
// frames has them is remembered when it was looked at once. Invalid: the pixels do not
// hold what the header says. Unsupported: video, and deflated objects, which cannot be
// read in part.
func (a *Archive) Frames(ctx context.Context, i Instance) (Frames, error) {
	f := Frames{TransferSyntax: i.TransferSyntax, a: a, i: i}
	if i.Frames != nil && *i.Frames > 1 && encapsulates(i.TransferSyntax) {
		index, err := a.frameIndexOf(ctx, i)
		if err == nil {
			f.index, f.N = index, index.frames()
			return f, nil
		}
		if fault.Of(err) != fault.NotFound {
			return f, err
		}
	}
	index, err := a.lookForFrames(ctx, i)
	if err != nil {
		return f, err
	}
	f.index, f.N = index, index.frames()
	if f.N > 1 && len(index.runs) > 0 {
		err = a.keepFrames(ctx, i, index)
	}
	return f, err
}

// encapsulates reports whether frames of a transfer syntax lie in fragments.
func encapsulates(syntax uid.UID) bool {
	s, _ := uid.SyntaxOf(syntax)
	return s.Encapsulated
}

// lookForFrames finds the frames in the object.
func (a *Archive) lookForFrames(ctx context.Context, i Instance) (frameIndex, error) {
	if s, _ := uid.SyntaxOf(i.TransferSyntax); s.Deflated {
		return frameIndex{}, fault.Errorf(fault.Unsupported, "instance %s: frames of a deflated object", i.SOP)
	}
	o, err := a.openNow(ctx, i)
	if err != nil {
		return frameIndex{}, err
	}
	defer o.Close()
	index, err := findFrames(o)
	if err != nil {
		return frameIndex{}, fmt.Errorf("instance %s: %w", i.SOP, err)
	}
	return index, nil
}

// openNow opens an instance as received, also if it was moved to another pack since it
// was looked up.
func (a *Archive) openNow(ctx context.Context, i Instance) (Object, error) {
	o, err := a.OpenReceived(ctx, i)
	if err == nil || fault.Of(err) != fault.NotFound {
		return o, err
	}
	if i, err = a.Instance(ctx, i.Site, i.SOP); err != nil {
		return o, err
	}
	return a.OpenReceived(ctx, i)
}

// frameIndexOf returns what was remembered. NotFound: nothing.
func (a *Archive) frameIndexOf(ctx context.Context, i Instance) (frameIndex, error) {
	var b []byte
	if err := a.DB.QueryRow(ctx, `select places from instance_frames where instance = $1`, i.ID).Scan(&b); err != nil {
		return frameIndex{}, err
	}
	index, ok := parseIndex(b)
	if !ok {
		return index, fault.Errorf(fault.NotFound, "frames of %s are to be found anew", i.SOP)
	}
	return index, nil
}

// keepFrames remembers where the frames are, if the instance is still there.
func (a *Archive) keepFrames(ctx context.Context, i Instance, index frameIndex) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		var n int64
		err := tx.QueryRow(ctx, `select 1 from instance where id = $1 `+tx.ForShare(), i.ID).Scan(&n)
		if err != nil && fault.Of(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into instance_frames (instance, site_id, frames, places) values ($1, $2, $3, $4)
			on conflict (instance) do update set frames = excluded.frames, places = excluded.places`, i.ID, i.Site, index.frames(), index.bytes())
		return err
	})
}

// Open opens frame n, counted from 1, and returns how many bytes it is: native frames
// as they stand in the object, with the first pixel in the first bit; encapsulated ones
// with their fragments joined. Nothing else of the object is read. The caller closes
// it. NotFound: there is no such frame.
func (f Frames) Open(ctx context.Context, n int) (r io.ReadCloser, length int64, err error) {
	if n < 1 || n > f.N {
		return nil, 0, fault.Errorf(fault.NotFound, "no frame %d of %d", n, f.N)
	}
	o, err := f.a.openNow(ctx, f.i)
	if err != nil {
		return nil, 0, err
	}
	from, length := f.index.reader(o, n-1)
	return opened{from, o}, length, nil
}

// opened is a part of an object; closing it closes the object.
type opened struct {
	io.Reader
	io.Closer
}
