package form

import (
	"context"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
)

// Make begins a form: a draft with a title and no question.
func (d *Desk) Make(ctx context.Context, siteID, title, language, by string) (Version, error) {
	if title = strings.TrimSpace(title); title == "" || len(title) > maxTitle {
		return Version{}, fault.Errorf(fault.Invalid, "a form needs a title of at most %d bytes", maxTitle)
	}
	r, err := fhir.New("Questionnaire", fhir.F("language", language), fhir.F("url", "urn:uuid:"+db.NewID()), fhir.F("version", "1"),
		fhir.F("title", title), fhir.F("status", "active"), fhir.F("subjectType", fhir.List("Organization")))
	if err != nil {
		return Version{}, err
	}
	v, _, err := d.put(ctx, siteID, r, "", by)
	return v, err
}

// Next copies a version of a form into a draft of the next one.
func (d *Desk) Next(ctx context.Context, siteID, url, version, by string) (Version, error) {
	was, err := d.version(ctx, d.DB, siteID, url, version)
	if err != nil {
		return was, err
	}
	all, err := d.Versions(ctx, siteID)
	if err != nil {
		return was, err
	}
	taken := map[string]bool{}
	for _, v := range all {
		if v.URL == url {
			taken[v.Version] = true
		}
	}
	next := version
	for taken[next] {
		next = after(next)
	}
	r := was.Resource
	if err := r.Set("version", next); err != nil {
		return was, err
	}
	v, _, err := d.put(ctx, siteID, r, "", by)
	return v, err
}

// after returns the version behind one: its last number is one more.
func after(version string) string {
	i := len(version)
	for i > 0 && version[i-1] >= '0' && version[i-1] <= '9' {
		i--
	}
	n, err := strconv.Atoi(version[i:])
	if err != nil {
		return version + ".1"
	}
	return version[:i] + strconv.Itoa(n+1)
}

// Change changes a draft that is as somebody saw it: seen is its digest. Conflict: it is
// another by now, or was published.
func (d *Desk) Change(ctx context.Context, siteID, url, version, seen, by string, do func(Sketch) (Sketch, error)) (Version, error) {
	def, v, err := d.Form(ctx, siteID, url, version)
	switch {
	case err != nil:
		return v, err
	case v.State != Draft || v.Shipped:
		return v, fault.Errorf(fault.Conflict, "version %s was published and does not change any more: make the next one", v.Version)
	case v.Digest != seen:
		return v, fault.Errorf(fault.Conflict, "somebody else changed the form meanwhile: it is shown as it is now; do again what is missing")
	}
	s, err := do(NewSketch(def))
	if err != nil {
		return v, err
	}
	if s.Resource().Get("url").Text() != url || s.Resource().Get("version").Text() != version {
		return v, fault.Errorf(fault.Invalid, "a change of a draft leaves its address and version")
	}
	v, _, err = d.put(ctx, siteID, s.Resource(), seen, by)
	return v, err
}

// Discard throws a draft away.
func (d *Desk) Discard(ctx context.Context, siteID, url, version, by string) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from form_version where site_id = $1 and url = $2 and version = $3 and state = 'draft'`, siteID, url, version)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "there is no draft of version %s: what was published stays", cut(version))
		}
		return d.note(ctx, tx, siteID, by, "form.version.discarded", "", map[string]any{"url": url, "version": version})
	})
}
