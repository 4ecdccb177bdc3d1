package site

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Title is a further application entity that this program is: under another name it
// offers other services, to other peers.
type Title struct {
	Site      string // "" means Default
	AETitle   string
	Services  []Service
	Keep      Keep
	Callers   []string // titles of the peers that may call it; none: every peer that is let in
	Note      string
	DecidedBy string
	DecidedAt time.Time
}

// A Service is what a Title may offer, beside Verification.
type Service string

// The services of a Title.
const (
	Stores    Service = "store"      // C-STORE
	Finds     Service = "find"       // C-FIND of studies
	Retrieves Service = "retrieve"   // C-MOVE and C-GET
	Worklists Service = "worklist"   // C-FIND of the modality worklist
	Performs  Service = "mpps"       // performed procedure steps
	Commits   Service = "commitment" // storage commitment
)

// Services returns all services of a Title.
func Services() []Service { return []Service{Stores, Finds, Retrieves, Worklists, Performs, Commits} }

// A Keep says what a Title takes for storage.
type Keep string

// What a Title takes.
const (
	KeepAll     Keep = ""        // everything
	KeepReports Keep = "reports" // structured reports, such as those of doses, and no images
)

// Offers reports whether the title offers a service.
func (t Title) Offers(s Service) bool { return slices.Contains(t.Services, s) }

// MayCall reports whether a peer may call the title.
func (t Title) MayCall(aeTitle string) bool {
	return len(t.Callers) == 0 || slices.Contains(t.Callers, aeTitle)
}

// ParseTitle reads TITLE=SERVICE+SERVICE;keep=reports;from=AE+AE, of which keep and from
// may be missing. It is Invalid for anything else.
func ParseTitle(s string) (Title, error) {
	name, rest, ok := strings.Cut(s, "=")
	t := Title{AETitle: name}
	parts := strings.Split(rest, ";")
	for service := range strings.SplitSeq(parts[0], "+") {
		t.Services = append(t.Services, Service(service))
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "keep":
			t.Keep = Keep(value)
		case "from":
			t.Callers = strings.Split(value, "+")
		default:
			ok = false
		}
	}
	if !ok {
		return Title{}, fault.Errorf(fault.Invalid, "title: write TITLE=SERVICE+SERVICE, such as DOSE=store+commitment;keep=reports;from=CT1+CT2")
	}
	return t, t.valid()
}

// valid reports what is wrong with a title.
func (t Title) valid() error {
	switch {
	case !validTitle(t.AETitle):
		return fault.Errorf(fault.Invalid, "title: an application entity title has 1 to 16 printable characters and no backslash (PS3.5 6.2)")
	case len(t.Services) == 0:
		return fault.Errorf(fault.Invalid, "title %s: it offers a service at least", t.AETitle)
	case t.Keep != KeepAll && t.Keep != KeepReports:
		return fault.Errorf(fault.Invalid, "title %s: it keeps everything or reports", t.AETitle)
	case len(t.Callers) > 256 || slices.ContainsFunc(t.Callers, func(c string) bool { return !validTitle(c) }):
		return fault.Errorf(fault.Invalid, "title %s: who may call it are up to 256 application entity titles", t.AETitle)
	case len(t.Note) > 500:
		return fault.Errorf(fault.Invalid, "title %s: a note has up to 500 characters", t.AETitle)
	}
	for _, s := range t.Services {
		if !slices.Contains(Services(), s) {
			return fault.Errorf(fault.Invalid, "title %s: a service is store, find, retrieve, worklist, mpps or commitment", t.AETitle)
		}
	}
	return nil
}

// SeedTitles adds titles unless the site has one of that name already: what people
// changed since stays as it is.
func (r *Register) SeedTitles(ctx context.Context, by string, titles ...Title) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, t := range titles {
			if t.Site == "" {
				t.Site = Default
			}
			var n int
			if err := tx.QueryRow(ctx, `select count(*) from site_title where site_id = $1 and ae_title = $2`, t.Site, t.AETitle).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				if err := r.setTitle(ctx, tx, by, t); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// SetTitle adds or changes a title on behalf of by. Invalid: it cannot be.
func (r *Register) SetTitle(ctx context.Context, by string, t Title) error {
	return r.db.Write(ctx, func(tx *db.Tx) error { return r.setTitle(ctx, tx, by, t) })
}

// setTitle is SetTitle as part of tx.
func (r *Register) setTitle(ctx context.Context, tx *db.Tx, by string, t Title) error {
	if t.Site == "" {
		t.Site = Default
	}
	if err := t.valid(); err != nil {
		return err
	}
	var services []string
	for _, s := range Services() { // each once, in their order
		if t.Offers(s) {
			services = append(services, string(s))
		}
	}
	offered, callers := strings.Join(services, " "), strings.Join(t.Callers, "\n")
	_, err := tx.Exec(ctx, `insert into site_title (site_id, ae_title, services, keep, callers, note, decided_by, decided_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (site_id, ae_title) do update set services = excluded.services, keep = excluded.keep, callers = excluded.callers,
		note = excluded.note, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
		t.Site, t.AETitle, offered, string(t.Keep), callers, t.Note, by, db.Millis(r.now()))
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, t.Site, "site.title.set", t.AETitle, map[string]string{"services": offered, "keep": string(t.Keep), "callers": callers})
}

// RemoveTitle forgets a title on behalf of by. NotFound: there is none.
func (r *Register) RemoveTitle(ctx context.Context, by, siteID, aeTitle string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error { return r.removeTitle(ctx, tx, by, siteID, aeTitle) })
}

// removeTitle is RemoveTitle as part of tx.
func (r *Register) removeTitle(ctx context.Context, tx *db.Tx, by, siteID, aeTitle string) error {
	n, err := tx.Exec(ctx, `delete from site_title where site_id = $1 and ae_title = $2`, siteID, aeTitle)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.NotFound, "no title %s at site %s", printable(aeTitle), siteID)
	}
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, siteID, "site.title.removed", aeTitle, map[string]string{})
}

const selectTitle = `select site_id, ae_title, services, keep, callers, note, decided_by, decided_at from site_title`

// scanSelf reads a row of selectTitle.
func scanSelf(rows *db.Rows) (t Title, err error) {
	var services, callers string
	var decided int64
	err = rows.Scan(&t.Site, &t.AETitle, &services, &t.Keep, &callers, &t.Note, &t.DecidedBy, &decided)
	for s := range strings.FieldsSeq(services) {
		t.Services = append(t.Services, Service(s))
	}
	if callers != "" {
		t.Callers = strings.Split(callers, "\n")
	}
	t.DecidedAt = db.FromMillis(decided)
	return t, err
}

// Titles returns the further titles of a site, by name.
func (r *Register) Titles(ctx context.Context, siteID string) ([]Title, error) {
	return db.List(ctx, r.db, scanSelf, selectTitle+` where site_id = $1 order by ae_title`, siteID)
}

// Title returns one of them, NotFound if there is none of that name.
func (r *Register) Title(ctx context.Context, siteID, aeTitle string) (Title, error) {
	if !validTitle(aeTitle) {
		return Title{}, fault.Errorf(fault.NotFound, "no such title")
	}
	list, err := db.List(ctx, r.db, scanSelf, selectTitle+` where site_id = $1 and ae_title = $2`, siteID, aeTitle)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no title %s at site %s", aeTitle, siteID)
	}
	if err != nil {
		return Title{}, err
	}
	return list[0], nil
}

// mayCall reports whether a caller may call what it calls: everything but a title that
// names others.
func (r *Register) mayCall(ctx context.Context, c Caller) (bool, error) {
	t, err := r.Title(ctx, c.Site, c.Called)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return true, nil
		}
		return false, err
	}
	return t.MayCall(c.AETitle), nil
}
