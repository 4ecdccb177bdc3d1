package document

import (
	"context"
	"encoding/json"

	"radagora/db"
	"radagora/fault"
)

const selectDocument = `select document_id, site_id, number, withdrawn, body, changed_by, changed_at from document`

func scanDocument(r *db.Rows) (d Document, err error) {
	var body string
	var at int64
	if err := r.Scan(&d.ID, &d.Site, &d.Number, &d.Withdrawn, &body, &d.By, &at); err != nil {
		return d, err
	}
	d.At = db.FromMillis(at)
	return d, fault.As(fault.Internal, json.Unmarshal([]byte(body), &d.Head))
}

// selectVersion reads everything but the files.
const selectVersion = `select document_id, version, label, change, link, file_name, media_type, bytes, digest, made_by, made_at, made_day, approved_by, approved_at, approved_day from document_version`

// A versionOf is a version with its document.
type versionOf struct {
	document string
	Version
}

func scanVersion(r *db.Rows) (v versionOf, err error) {
	var at, ok int64
	err = r.Scan(&v.document, &v.Number, &v.Label, &v.Change, &v.Link, &v.File, &v.Media, &v.Bytes, &v.Digest, &v.By, &at, &v.Day, &v.Approved, &ok, &v.OKDay)
	v.At = db.FromMillis(at)
	if ok > 0 {
		v.OK = db.FromMillis(ok)
	}
	return v, err
}

const selectReview = `select document_id, version, day, next_day, expert, note, done_by, done_at from document_review`

// A reviewOf is a review with its document.
type reviewOf struct {
	document string
	Review
}

func scanReview(r *db.Rows) (v reviewOf, err error) {
	var at int64
	err = r.Scan(&v.document, &v.Version, &v.Day, &v.Next, &v.Expert, &v.Note, &v.By, &at)
	v.At = db.FromMillis(at)
	return v, err
}

// List returns the documents of a site in the order of their numbers, withdrawn ones too,
// with their versions and reviews and without their files.
func (r *Register) List(ctx context.Context, siteID string) ([]Document, error) {
	return r.list(ctx, r.DB, siteID, "")
}

// Find returns a document by its id. NotFound: there is none.
func (r *Register) Find(ctx context.Context, siteID, id string) (*Document, error) {
	return r.find(ctx, r.DB, siteID, id)
}

func (r *Register) find(ctx context.Context, q db.Querier, siteID, id string) (*Document, error) {
	if id == "" {
		return nil, fault.Errorf(fault.NotFound, "no such document")
	}
	all, err := r.list(ctx, q, siteID, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no such document")
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// list reads one document, or with an empty id all of a site.
func (*Register) list(ctx context.Context, q db.Querier, siteID, id string) ([]Document, error) {
	where, args := ` where site_id = $1`, []any{siteID}
	if id != "" {
		where, args = where+` and document_id = $2`, append(args, id)
	}
	all, err := db.List(ctx, q, scanDocument, selectDocument+where+` order by number`, args...)
	if err != nil {
		return nil, err
	}
	at := map[string]*Document{}
	for i := range all {
		at[all[i].ID] = &all[i]
	}
	versions, err := db.List(ctx, q, scanVersion, selectVersion+where+` order by document_id, version desc`, args...)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if d := at[v.document]; d != nil {
			d.Versions = append(d.Versions, v.Version)
		}
	}
	reviews, err := db.List(ctx, q, scanReview, selectReview+where+` order by document_id, done_at desc, review_id desc`, args...)
	for _, v := range reviews {
		if d := at[v.document]; d != nil {
			d.Reviews = append(d.Reviews, v.Review)
		}
	}
	return all, err
}
