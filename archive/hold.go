package archive

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/uid"
)

var _ access.Roll = (*Archive)(nil)

// Persons implements access.Roll.
func (*Archive) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select site_id, person from study_person union select site_id, person from study where person <> ''
		union select site_id, person from quarantine where person <> '' union select site_id, person from trash_object where person <> ''
		union select site_id, person from hold where person <> '' union select site_id, person from correction_received where person <> '' order by 1, 2`)
}

// inlineLimit is how many bytes of a value stand in an exported header; of longer
// ones it says where in the object they are.
const inlineLimit = 1 << 10

// Export yields what the archive keeps about a person: each study and series as the
// index has it, each instance with its header in the DICOM JSON model (PS3.18 F),
// and what is in quarantine. The objects themselves are what Objects yields.
func (a *Archive) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		for _, part := range []struct{ kind, text string }{
			{"study", exportStudy}, {"series", exportSeries},
		} {
			list, err := exported(ctx, a.DB, part.kind, part.text, p)
			if err != nil {
				yield(access.Record{}, err)
				return
			}
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
		}
		before, err := a.exportCovered(ctx, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, r := range before {
			if !yield(r, nil) {
				return
			}
		}
		for o, err := range a.Objects(ctx, p) {
			r := access.Record{}
			if err == nil {
				r, err = o.record()
				err = closed(o, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// closed closes o and returns the first error.
func closed(o Object, err error) error {
	if c := o.Close(); err == nil {
		return c
	}
	return err
}

// The rows of a person, with the columns that exported turns into JSON.
var (
	exportColumns = map[string][]string{
		"study":  join([]string{"study_uid"}, studyTexts, []string{"modalities"}),
		"series": join([]string{"series_uid"}, seriesTexts),
	}
	exportStudy = "select study.received_at, " + prefixed("study", exportColumns["study"]) + ` from study_person
		join study on study.id = study_person.study where study_person.site_id = $1 and study_person.person = $2 order by study.id`
	exportSeries = "select series.received_at, " + prefixed("series", exportColumns["series"]) + ` from study_person
		join series on series.study = study_person.study where study_person.site_id = $1 and study_person.person = $2 order by series.id`
)

// prefixed returns columns of a table with its name.
func prefixed(table string, columns []string) string {
	return table + "." + strings.Join(columns, ", "+table+".")
}

// exported returns rows as records. The first column tells them apart.
func exported(ctx context.Context, q db.Querier, kind, text string, p access.Person) ([]access.Record, error) {
	columns := exportColumns[kind]
	return db.List(ctx, q, func(r *db.Rows) (access.Record, error) {
		values, received := make([]string, len(columns)), int64(0)
		if err := r.Scan(targets(values, &received)...); err != nil {
			return access.Record{}, err
		}
		of := map[string]string{"received_at": db.FromMillis(received).UTC().Format(time.RFC3339)}
		for i, c := range columns {
			if values[i] != "" {
				of[c] = values[i]
			}
		}
		raw, err := json.Marshal(of)
		return access.Record{Room: "archive", Kind: kind, ID: values[0], Data: raw}, err
	}, text, p.Site, p.ID)
}

// record makes a record of an instance and its header.
func (o Object) record() (access.Record, error) {
	i := o.Instance
	r := access.Record{Room: "archive", Kind: "instance", ID: i.SOP.String()}
	if o.Aside {
		r.Kind, r.ID = "quarantined", i.SOP.String()+"/"+i.ID
	}
	f, err := o.Read(nil)
	if err != nil {
		return r, fmt.Errorf("instance %s: %w", i.SOP, err)
	}
	var head bytes.Buffer
	err = dicom.WriteJSON(&head, f.Dataset, dicom.JSONOptions{
		InlineLimit: inlineLimit,
		BulkDataURI: func(path string, _ dicom.Element) string { return "instances/" + i.SOP.String() + "#" + path },
	})
	if err != nil {
		return r, fmt.Errorf("instance %s: %w", i.SOP, err)
	}
	r.Data, err = json.Marshal(map[string]any{
		"study": i.Study, "series": i.Series, "sop_class": i.SOPClass, "received_at": i.ReceivedAt.UTC().Format(time.RFC3339),
		"door": i.Door, "calling_ae": i.CallingAE, "length": i.Length, "sha256": hex.EncodeToString(i.SHA256[:]),
		"header": json.RawMessage(head.Bytes()),
	})
	return r, err
}

// Objects yields every object of a person, opened; the caller closes each. Those in
// quarantine come last. It ends with the first error.
func (a *Archive) Objects(ctx context.Context, p access.Person) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for after := ""; ; {
			list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where instance.id > $3 and study.id in (
				select study from study_person where site_id = $1 and person = $2) order by instance.id limit 200`, p.Site, p.ID, after)
			if err != nil {
				yield(Object{}, err)
				return
			}
			if len(list) == 0 {
				break
			}
			for _, i := range list {
				after = i.ID
				if !a.offer(ctx, i, p, false, yield) {
					return
				}
			}
		}
		aside, err := db.List(ctx, a.DB, scanQuarantine, fromQuarantine+`where site_id = $1 and person = $2 order by id`, p.Site, p.ID)
		if err != nil {
			yield(Object{}, err)
			return
		}
		for _, q := range aside {
			if !a.offer(ctx, q.Instance, p, true, yield) {
				return
			}
		}
		thrown, err := db.List(ctx, a.DB, scanThrown, fromThrown+`where site_id = $1 and person = $2 order by pack, pack_offset`, p.Site, p.ID)
		if err != nil {
			yield(Object{}, err)
			return
		}
		for _, t := range thrown { // deleted, and may come back
			i := Instance{ID: t.trash, Site: t.site, Door: t.door, CallingAE: t.callingAE, Length: t.ref.Length, SHA256: t.ref.SHA256, ReceivedAt: db.FromMillis(t.receivedAt), ref: t.ref}
			i.SOP, _ = uid.Parse(t.sop)
			if !a.offer(ctx, i, p, true, yield) {
				return
			}
		}
	}
}

// offer opens an instance and yields it, unless its study names several persons and
// it is about another.
func (a *Archive) offer(ctx context.Context, i Instance, p access.Person, aside bool, yield func(Object, error) bool) bool {
	h, err := a.headerIn(ctx, a.DB, i)
	if err == nil && personOf(h.patient) != "" && !sameAs(h.patient, p.ID) {
		return true
	}
	if err != nil {
		yield(Object{}, fmt.Errorf("instance %s: %w", i.SOP, err))
		return false
	}
	o, err := a.OpenInstance(ctx, i)
	if err != nil {
		yield(Object{}, err)
		return false
	}
	o.Aside = aside
	return yield(o, nil)
}

// Restrict does nothing: lists leave out whoever wishes access.Restricted, pages of
// one study ask the policies, and what arrives is still stored.
func (*Archive) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
