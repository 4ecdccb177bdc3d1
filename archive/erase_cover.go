package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// covered erases a person from what named them before it was corrected: the objects, of
// another person since, are put again as they are given out, without a word of whom they
// named; what was received is taken out of the packs; and the corrections forget it.
func (e *eraser) covered(ctx context.Context) error {
	list, err := e.a.coveredOf(ctx, e.tx, e.p)
	if err != nil || len(list) == 0 {
		return err
	}
	seen := map[string]bool{}
	for _, c := range list {
		l, err := overlaysOf(ctx, e.tx, e.p.Site, c.Target.Study.String())
		if err != nil {
			return err
		}
		for _, u := range l.family {
			if seen[u] {
				continue
			}
			seen[u] = true
			if err := e.coveredStudy(ctx, u, l); err != nil {
				return err
			}
		}
		if _, err := e.tx.Exec(ctx, `update correction set received = '{}', reason = '' where id = $1`, c.ID); err != nil {
			return err
		}
		e.records++
	}
	_, err = e.tx.Exec(ctx, `delete from correction_received where site_id = $1 and person = $2`, e.p.Site, e.p.ID)
	return err
}

// coveredStudy does it with the objects of one study: what PrepareErase has put is named,
// and what it has not, because something changed since, is put here.
func (e *eraser) coveredStudy(ctx context.Context, study string, l overlays) error {
	id, _, err := studyRow(ctx, e.tx, e.p.Site, study)
	if err != nil || id == "" {
		return err
	}
	// Nobody else changes the study, or adds to it, until this is done.
	if _, err := e.tx.Exec(ctx, `update study set corrected = corrected where id = $1`, id); err != nil {
		return err
	}
	n, done, err := e.switched(ctx, id, study, l)
	if err != nil || done && n == 0 {
		return err
	}
	if done {
		e.records += n
		return e.told(ctx, study, false)
	}
	list, err := db.List(ctx, e.tx, scanInstance, fromInstance+`where study.id = $1 order by instance.id`, id)
	if err != nil {
		return err
	}
	var rest []header
	some := false
	for _, i := range list {
		named, is, err := e.a.wasNamed(ctx, e.tx, e.p, i, l)
		if err != nil {
			return err
		}
		rest = append(rest, is)
		if !named {
			continue
		}
		if !some {
			if err := e.a.unheld(ctx, e.tx, i.Site, study); err != nil {
				return err
			}
			if err := e.a.Unprepare(ctx, e.tx, i.Site, id); err != nil {
				return err
			}
			some = true
		}
		if err := e.uncover(ctx, i); err != nil {
			return err
		}
	}
	if !some {
		return nil
	}
	if err := e.remains(ctx, id, rest); err != nil {
		return err
	}
	return e.told(ctx, study, false)
}

// uncover puts an instance again as it is given out, and makes the removal of what was
// received due.
func (e *eraser) uncover(ctx context.Context, i Instance) error {
	now, err := e.a.putRight(ctx, e.tx, i)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		text string
		args []any
	}{
		{
			`insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length) values ($1, $2, $3, $4, $5, $6, $7)`,
			[]any{e.id, i.Site, i.SOP.String(), i.SHA256[:], i.ref.Pack, i.ref.Offset, i.ref.Length},
		},
		{
			`update instance set pack = $2, pack_offset = $3, length = $4, sha256 = $5 where id = $1`,
			[]any{i.ID, now.Pack, now.Offset, now.Length, now.SHA256[:]},
		},
		{`delete from coerced where site_id = $1 and sop_uid = $2`, []any{i.Site, i.SOP.String()}},
	} {
		if _, err := e.tx.Exec(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	e.records++
	return nil
}

// putRight puts an instance as it is given out, durably.
func (a *Archive) putRight(ctx context.Context, q db.Querier, i Instance) (blob.Ref, error) {
	received, err := a.OpenReceived(ctx, i)
	if err != nil {
		return blob.Ref{}, err
	}
	defer received.Close()
	was, err := received.Read(&dicom.Options{StopAt: firstPixels})
	if err != nil {
		return blob.Ref{}, unreadable(was, err)
	}
	right, err := a.right(ctx, q, received)
	if err != nil {
		return blob.Ref{}, err
	}
	f, rest, err := right.header(i)
	if err != nil {
		return blob.Ref{}, err
	}
	d, err := withoutWas(was.Dataset, f.Dataset)
	if err != nil {
		return blob.Ref{}, err
	}
	head := make([]byte, i.datasetAt)
	if _, err := right.ReadAt(head, 0); err != nil {
		return blob.Ref{}, err
	}
	out := bytes.NewBuffer(head)
	if err := dicom.Write(out, d, i.TransferSyntax); err != nil {
		return blob.Ref{}, err
	}
	w, err := a.Blobs.Create(ctx)
	if err != nil {
		return blob.Ref{}, err
	}
	defer func() { _ = w.Abort() }()
	if _, err := io.Copy(w, io.MultiReader(out, io.NewSectionReader(right, rest, right.Size()-rest))); err != nil {
		return blob.Ref{}, err
	}
	ref, durable, err := w.Finish(ctx)
	if err != nil {
		return ref, err
	}
	return ref, durable(ctx)
}

// header reads what stands before the pixels, of a deflated object all of it, and says
// where the rest of the file begins.
func (o Object) header(i Instance) (*dicom.File, int64, error) {
	if s, _ := uid.SyntaxOf(i.TransferSyntax); s.Deflated {
		f, err := o.inflated()
		return f, o.Size(), err
	}
	f, err := o.Read(&dicom.Options{StopAt: firstPixels})
	if err != nil {
		return nil, 0, unreadable(f, err)
	}
	return f, f.End, nil
}

// withoutWas returns a data set, corrected, without what it said before: that is taken out
// of Original Attributes and masked in other texts. What is in both stays.
func withoutWas(was, is *dicom.Dataset) (*dicom.Dataset, error) {
	w, still := rewriter{}, rewriter{}
	w.collect(was)
	for e := range is.All() {
		if identifying[e.Tag()] || naming[e.Tag()] {
			still.collect(only(e))
		}
	}
	w.secrets = slices.DeleteFunc(w.secrets, func(s secret) bool {
		return slices.ContainsFunc(still.secrets, func(x secret) bool {
			return s.text != "" && strings.EqualFold(x.text, s.text) || s.text == "" && x.text == "" && bytes.EqualFold(x.raw, s.raw)
		})
	})
	slices.SortFunc(w.secrets, func(a, b secret) int { return len(b.text) - len(a.text) })
	b := w.masked(is)
	if b.err != nil {
		return nil, b.err
	}
	return b.Dataset()
}

// only returns a data set of one element.
func only(e dicom.Element) *dicom.Dataset {
	d, err := dicom.NewBuilder().Copy(e).Dataset()
	if err != nil {
		return &dicom.Dataset{}
	}
	return d
}

// masked makes the elements of d anew without secrets.
func (w *rewriter) masked(d *dicom.Dataset) *building {
	b := &building{Builder: dicom.NewBuilder()}
	for e := range d.All() {
		switch t := e.Tag(); {
		case b.err != nil:
		case t == tag.OriginalAttributesSequence:
		case t == tag.PatientID, t == tag.PatientName, t == tag.PatientBirthDate, t == tag.AccessionNumber, t.Element() == 0:
			b.Copy(e) // as it is said now
		case e.Sequence():
			var items []*dicom.Builder
			for _, item := range e.Items() {
				one := w.masked(item)
				if b.err = one.err; b.err != nil {
					return b
				}
				items = append(items, one.Builder)
			}
			b.Sequence(t, items...)
		default:
			w.value(b, e)
		}
	}
	return b
}

// exportCovered yields what corrections remember of what was said of a person.
func (a *Archive) exportCovered(ctx context.Context, p access.Person) ([]access.Record, error) {
	list, err := a.coveredOf(ctx, a.DB, p)
	var all []access.Record
	for _, c := range list {
		raw, err := json.Marshal(map[string]any{"at": c.At.UTC().Format(time.RFC3339), "said_before": json.RawMessage(textOf(c.Received))})
		if err != nil {
			return nil, err
		}
		all = append(all, access.Record{Room: "archive", Kind: "corrected_away", ID: c.ID, Data: raw})
	}
	return all, err
}
