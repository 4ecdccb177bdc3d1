package view

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// What a view shows.
const (
	Levels       = "levels"       // medians beside their levels
	Examinations = "examinations" // one row each
	Events       = "events"       // one row each
	Cases        = "cases"
	Charts       = "charts" // no table: it has no columns and no copies
)

// Kinds returns what a view can show.
func Kinds() []string { return []string{Levels, Examinations, Events, Cases, Charts} }

// Everybody shares a view with everybody who may see its table.
const Everybody = "everybody"

// The most there may be.
const (
	maxName    = 100
	maxFilter  = 2000
	maxColumns = 100
	maxViews   = 200 // of one owner
)

// filters are the parameters of an address that belong to a view, by what it shows.
var filters = map[string][]string{
	Levels:       {"basis", "dap", "density", "exam", "modality", "period", "room", "size", "sort"},
	Examinations: {"basis", "exam", "modality", "period", "room", "size"},
	Events:       {"basis", "exam", "modality", "period", "room", "size"},
	Cases:        {"show"},
	Charts:       {"basis", "by", "chart", "dap", "exam", "kind", "modality", "period", "room", "scale", "size"},
}

// column is what columns are called.
var column = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// A Saved is a view under its name.
type Saved struct {
	ID, Site  string
	Name      string
	Shows     string     // one of Kinds
	Filter    url.Values // one value each
	Columns   []string   // nil: all
	Shared    string     // a role, Everybody, "" for its owner alone
	Owner     string
	CreatedAt int64 // Unix milliseconds
	ChangedAt int64
	First     bool // whoever asked begins with it
}

// Filter returns of the parameters of an address those that belong to a view of a kind.
func Filter(shows string, address url.Values) url.Values {
	kept := url.Values{}
	for _, k := range filters[shows] {
		if v := address.Get(k); v != "" {
			kept.Set(k, v)
		}
	}
	return kept
}

// Roles are those that a view can be shared with.
func Roles() []access.Role {
	return slices.DeleteFunc(access.Roles(), func(r access.Role) bool { return r == access.Patient || r == access.Peer || r == access.Learner })
}

// visible reports whether somebody may see a view.
func (v *Saved) visible(who access.Who) bool {
	return v.Owner == who.ID || v.Shared == Everybody || v.Shared != "" && slices.Contains(who.Roles(v.Site), access.Role(v.Shared))
}

// Mine returns an error unless somebody may change a view: its owner, or an administrator
// if it is shared.
func (v *Saved) Mine(who access.Who) error {
	if v.Owner == who.ID || v.Shared != "" && slices.Contains(who.Roles(v.Site), access.Administrator) {
		return nil
	}
	return fault.Errorf(fault.Forbidden, "view %q belongs to somebody else: save it under a name of your own", v.Name)
}

// check refuses what cannot be a view.
func (v *Saved) check() error {
	v.Name = strings.Join(strings.Fields(v.Name), " ")
	if v.Name == "" || utf8.RuneCountInString(v.Name) > maxName || !utf8.ValidString(v.Name) {
		return fault.Errorf(fault.Invalid, "name: 1 to %d characters", maxName)
	}
	if !slices.Contains(Kinds(), v.Shows) {
		return fault.Errorf(fault.Invalid, "shows: one of %s", strings.Join(Kinds(), ", "))
	}
	for k := range v.Filter {
		if !slices.Contains(filters[v.Shows], k) {
			return fault.Errorf(fault.Invalid, "filter: a view of %s has none of that name: %s", v.Shows, strings.Join(filters[v.Shows], ", "))
		}
	}
	if len(v.Filter.Encode()) > maxFilter {
		return fault.Errorf(fault.Invalid, "filter: longer than %d bytes", maxFilter)
	}
	if v.Shared != "" && v.Shared != Everybody && !slices.Contains(Roles(), access.Role(v.Shared)) {
		return fault.Errorf(fault.Invalid, "shared: everybody, a role of those who work here, or nothing for yourself alone")
	}
	if v.Shows == Charts && len(v.Columns) > 0 {
		return fault.Errorf(fault.Invalid, "columns: a view of charts has none")
	}
	if len(v.Columns) > maxColumns {
		return fault.Errorf(fault.Invalid, "columns: more than %d", maxColumns)
	}
	seen := map[string]bool{}
	for _, c := range v.Columns {
		if !column.MatchString(c) || seen[c] {
			return fault.Errorf(fault.Invalid, "columns: names as in the table, each once, such as exam_code")
		}
		seen[c] = true
	}
	return nil
}

const selectSaved = `select view_id, site_id, name, shows, filter, fields, shared, owner, created_at, changed_at,
	exists (select 1 from doseview_first f where f.site_id = s.site_id and f.account = $2 and f.view_id = s.view_id) from doseview_saved s where site_id = $1`

func scanSaved(r *db.Rows) (v Saved, err error) {
	var filter, columns string
	if err := r.Scan(&v.ID, &v.Site, &v.Name, &v.Shows, &filter, &columns, &v.Shared, &v.Owner, &v.CreatedAt, &v.ChangedAt, &v.First); err != nil {
		return v, err
	}
	v.Columns = strings.Fields(columns)
	v.Filter, err = url.ParseQuery(filter)
	return v, fault.As(fault.Internal, err)
}

// List returns the views that whoever asks may see, by name; shows chooses a kind, ""
// all of them.
func (s *Shelf) List(ctx context.Context, siteID, shows string) ([]Saved, error) {
	who := access.From(ctx)
	all, err := db.List(ctx, s.DB, scanSaved, selectSaved+` order by lower(name), view_id`, siteID, who.ID)
	return slices.DeleteFunc(all, func(v Saved) bool { return !v.visible(who) || shows != "" && v.Shows != shows }), err
}

// Get returns a view. NotFound: there is none, or whoever asks may not see it.
func (s *Shelf) Get(ctx context.Context, siteID, id string) (Saved, error) {
	v, err := s.get(ctx, s.DB, siteID, id)
	if err == nil && !v.visible(access.From(ctx)) {
		return Saved{}, errNone()
	}
	return v, err
}

func errNone() error {
	return fault.Errorf(fault.NotFound, "there is no such view, or it is not shared with you")
}

// get is Get for whoever it is.
func (s *Shelf) get(ctx context.Context, q db.Querier, siteID, id string) (Saved, error) {
	all, err := db.List(ctx, q, scanSaved, selectSaved+` and view_id = $3`, siteID, access.From(ctx).ID, id)
	if err == nil && len(all) == 0 {
		err = errNone()
	}
	if err != nil {
		return Saved{}, err
	}
	return all[0], nil
}

// Save keeps a view on behalf of whoever asks: a new one without an ID, otherwise the
// changed one. Invalid: it cannot be one. Conflict: another one of theirs bears the name.
// Forbidden: it is somebody else's.
func (s *Shelf) Save(ctx context.Context, v Saved) (Saved, error) {
	who := access.From(ctx)
	if err := v.check(); err != nil {
		return v, err
	}
	kind, now := "dose.view.changed", db.Millis(s.Now())
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		v := &v
		if v.ID == "" {
			kind, v.ID, v.Owner, v.CreatedAt = "dose.view.saved", db.NewID(), who.ID, now
		} else {
			old, err := s.get(ctx, tx, v.Site, v.ID)
			if err == nil && !old.visible(who) {
				err = errNone()
			}
			if err == nil {
				err = old.Mine(who)
			}
			if err != nil {
				return err
			}
			v.Owner, v.CreatedAt, v.Shows = old.Owner, old.CreatedAt, old.Shows
		}
		if err := s.room(ctx, tx, v); err != nil {
			return err
		}
		v.ChangedAt = now
		if _, err := tx.Exec(ctx, `insert into doseview_saved (view_id, site_id, name, shows, filter, fields, shared, owner, created_at, changed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (view_id) do update set name = excluded.name, filter = excluded.filter,
			fields = excluded.fields, shared = excluded.shared, changed_at = excluded.changed_at`,
			v.ID, v.Site, v.Name, v.Shows, v.Filter.Encode(), strings.Join(v.Columns, " "), v.Shared, v.Owner, v.CreatedAt, v.ChangedAt); err != nil {
			return err
		}
		return s.journalled(ctx, tx, v.Site, who.ID, kind, v.ID, map[string]any{
			"shows": v.Shows, "filter": v.Filter.Encode(), "columns": len(v.Columns), "shared": v.Shared,
		})
	})
	return v, err
}

// room refuses a view for which there is no name or no room.
func (s *Shelf) room(ctx context.Context, tx *db.Tx, v *Saved) error {
	var same, all int
	if err := tx.QueryRow(ctx, `select count(*) from doseview_saved where site_id = $1 and owner = $2 and shows = $3 and name = $4 and view_id <> $5`,
		v.Site, v.Owner, v.Shows, v.Name, v.ID).Scan(&same); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `select count(*) from doseview_saved where site_id = $1 and owner = $2`, v.Site, v.Owner).Scan(&all); err != nil {
		return err
	}
	switch {
	case same > 0:
		return fault.Errorf(fault.Conflict, "name: you have a view of that name already: choose another name, or change that one")
	case all >= maxViews:
		return fault.Errorf(fault.Exhausted, "you have %d views: delete one you do not need", maxViews)
	}
	return nil
}

// Delete takes a view away, with its copies to come; files that were copied stay.
func (s *Shelf) Delete(ctx context.Context, siteID, id string) error {
	who := access.From(ctx)
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		v, err := s.get(ctx, tx, siteID, id)
		if err == nil && !v.visible(who) {
			err = errNone()
		}
		if err == nil {
			err = v.Mine(who)
		}
		if err != nil {
			return err
		}
		for _, table := range []string{"doseview_first", "doseview_copy", "doseview_saved"} {
			if _, err := tx.Exec(ctx, `delete from `+table+` where site_id = $1 and view_id = $2`, siteID, id); err != nil {
				return err
			}
		}
		return s.journalled(ctx, tx, siteID, who.ID, "dose.view.deleted", id, map[string]any{"shows": v.Shows})
	})
}

// Begin lets whoever asks begin with a view; "" with none.
func (s *Shelf) Begin(ctx context.Context, siteID, id string) error {
	who := access.From(ctx)
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from doseview_first where site_id = $1 and account = $2`, siteID, who.ID); err != nil || id == "" {
			return err
		}
		v, err := s.get(ctx, tx, siteID, id)
		if err == nil && !v.visible(who) {
			err = errNone()
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into doseview_first (site_id, account, view_id) values ($1, $2, $3)`, siteID, who.ID, v.ID)
		return err
	})
}

// First returns the view that whoever asks begins with; false if there is none any more.
func (s *Shelf) First(ctx context.Context, siteID string) (Saved, bool, error) {
	var id string
	err := s.DB.QueryRow(ctx, `select view_id from doseview_first where site_id = $1 and account = $2`, siteID, access.From(ctx).ID).Scan(&id)
	if err == nil {
		var v Saved
		if v, err = s.Get(ctx, siteID, id); err == nil {
			return v, true, nil
		}
	}
	if fault.Of(err) == fault.NotFound {
		err = nil
	}
	return Saved{}, false, err
}

// Exported notes that whoever asks takes a view along as a file, before it leaves.
func (s *Shelf) Exported(ctx context.Context, v Saved, format string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.journalled(ctx, tx, v.Site, access.From(ctx).ID, "dose.table.exported", v.ID, map[string]any{
			"part": v.Shows, "format": format, "filter": v.Filter.Encode(), "columns": len(v.Columns),
		})
	})
}
