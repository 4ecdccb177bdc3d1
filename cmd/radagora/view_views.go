package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/access"
	shelf "radagora/dose/view"
	"radagora/export"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// A savedView keeps filters of dose tables under names.
type savedView struct{ *view }

// mostPreviewed is how many rows of a view its page shows.
const mostPreviewed = 50

// viewPages are the pages that views belong to; the others are shown as themselves.
var viewPages = map[string]string{shelf.Levels: "/dose/ct", shelf.Cases: "/dose/cases", shelf.Charts: "/dose/charts"}

// Views implements web.Views.
func (v savedView) Views(ctx context.Context, shows ...string) ([]web.SavedView, error) {
	all, err := v.Shelf.List(ctx, at, "")
	if err != nil {
		return nil, err
	}
	copies, err := v.copiesOf(ctx)
	if err != nil {
		return nil, err
	}
	people, err := v.people(ctx)
	if err != nil {
		return nil, err
	}
	var out []web.SavedView
	for i := range all {
		if len(shows) == 0 || slices.Contains(shows, all[i].Shows) {
			out = append(out, v.saved(ctx, &all[i], copies, people))
		}
	}
	return out, nil
}

// copiesOf returns the copies by view.
func (v savedView) copiesOf(ctx context.Context) (map[string]*web.ViewCopy, error) {
	all, err := v.Shelf.Copies(ctx, at)
	out := map[string]*web.ViewCopy{}
	for i := range all {
		c := &all[i]
		out[c.View] = &web.ViewCopy{Every: c.Every, Format: c.Format, File: c.File, At: instant(c.CopiedAt), Failed: instant(c.FailedAt), Late: c.Late(v.Now())}
	}
	return out, err
}

// saved is a view as pages show it.
func (v savedView) saved(ctx context.Context, s *shelf.Saved, copies map[string]*web.ViewCopy, people []face.Choice) web.SavedView {
	who := access.From(ctx)
	out := web.SavedView{
		ID: s.ID, Name: s.Name, Shows: s.Shows, Shared: s.Shared, Owner: choice(people, s.Owner).Label, First: s.First, Changed: instant(s.ChangedAt), Copy: copies[s.ID],
		Mine: s.Mine(who) == nil,
	}
	if page := viewPages[s.Shows]; page != "" {
		out.Address = page
		if q := s.Filter.Encode(); q != "" {
			out.Address += "?" + q
		}
	}
	return out
}

// readsOf are the acts of whoever sees the rows of a view.
var readsOf = map[string]access.Act{
	shelf.Levels: access.AggregateRead, shelf.Examinations: access.ExaminationRead, shelf.Events: access.ExaminationRead, shelf.Cases: access.FindingRead,
}

// View implements web.Views.
func (v savedView) View(ctx context.Context, language, id string) (web.ViewPage, error) {
	var pg web.ViewPage
	s, err := v.Shelf.Get(ctx, at, id)
	if err != nil {
		return pg, err
	}
	copies, err := v.copiesOf(ctx)
	if err != nil {
		return pg, err
	}
	people, err := v.people(ctx)
	if err != nil {
		return pg, err
	}
	pg.SavedView, pg.Folder, pg.Chosen = v.saved(ctx, &s, copies, people), v.settings.DoseCopyTo != "", s.Columns
	pg.Forward = pg.Address != ""
	for _, k := range slices.Sorted(keys(s.Filter)) {
		pg.Filter = append(pg.Filter, v.filterWords(ctx, language, k, s.Filter.Get(k)))
	}
	if s.Shows == shelf.Charts {
		return pg, nil
	}
	if err := may(ctx, readsOf[s.Shows]); err != nil {
		return pg, err
	}
	whole := s
	whole.Columns = nil
	t, err := v.viewTable(ctx, whole, language)
	if err != nil {
		return pg, err
	}
	for _, c := range t.Columns {
		pg.Columns = append(pg.Columns, face.Choice{Code: c.Name, Label: c.Label})
	}
	if t, err = chosen(t, s.Columns); err != nil {
		return pg, err
	}
	return pg, v.preview(language, t, &pg)
}

// filterWords says a parameter of a view in words.
func (v savedView) filterWords(ctx context.Context, language, key, value string) web.ViewFilter {
	p := v.catalogue.Printer(language)
	f := web.ViewFilter{Label: key, Value: value}
	if label := "views.by_" + key; p.Has(label) {
		f.Label = p.T(label)
	}
	switch key {
	case "room":
		if plan, err := v.plan(ctx); err == nil {
			f.Value = plan.ref(value).Name
		}
	case "exam":
		f.Value = v.words.exam(value, language).Label
	case "modality":
		f.Value = p.T("dose.modality_" + strings.ToLower(modalityOf(value)))
	case "period":
		if p.Has("period." + value) {
			f.Value = p.T("period." + value)
		}
	}
	return f
}

// preview puts the first rows of a table on a page, and counts all.
func (v savedView) preview(language string, t export.Table, pg *web.ViewPage) error {
	p := v.catalogue.Printer(language)
	for _, c := range t.Columns {
		head := c.Label
		if c.Unit != "" && c.Unit != "1" {
			head += " (" + p.Unit(c.Unit) + ")"
		}
		pg.Heads = append(pg.Heads, head)
	}
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		if pg.N++; pg.N > mostPreviewed {
			continue
		}
		cells := make([]string, len(row))
		for i, x := range row {
			cells[i] = cellWords(p.Sig, p.Date, x)
		}
		pg.Rows = append(pg.Rows, cells)
	}
	return nil
}

// cellWords writes a cell of a table for people, "" for what is unknown.
func cellWords(number func(float64) string, date func(time.Time) string, x any) string {
	switch x := x.(type) {
	case nil:
		return ""
	case string:
		return x
	case float64:
		return number(x)
	case *float64:
		if x == nil {
			return ""
		}
		return number(*x)
	case *int64:
		if x == nil {
			return ""
		}
		return fmt.Sprint(*x)
	case time.Time:
		if x.IsZero() {
			return ""
		}
		return date(x)
	}
	return fmt.Sprint(x)
}

// FirstView implements web.Views.
func (v savedView) FirstView(ctx context.Context) (string, error) {
	s, ok, err := v.Shelf.First(ctx, at)
	if err != nil || !ok {
		return "", err
	}
	if w := v.saved(ctx, &s, nil, nil); w.Address != "" {
		return w.Address, nil
	}
	return "/dose/views/" + s.ID, nil
}

// SaveView implements web.Views.
func (v savedView) SaveView(ctx context.Context, f web.ViewForm) (string, error) {
	s := shelf.Saved{Site: at, Name: f.Name, Shows: f.Shows, Shared: f.Shared, Filter: shelf.Filter(f.Shows, f.Filter), Columns: f.Columns}
	if f.ID != "" {
		old, err := v.Shelf.Get(ctx, at, f.ID)
		if err != nil {
			return "", err
		}
		old.Name, old.Shared = f.Name, f.Shared
		if !f.Keep {
			old.Columns = f.Columns
		}
		s = old
	}
	if err := v.fits(ctx, &s); err != nil {
		return "", err
	}
	s, err := v.Shelf.Save(ctx, s)
	return s.ID, err
}

// fits refuses a view whose filter or columns the table does not know. All columns are
// kept as none, so that those that come later are among them.
func (v *view) fits(ctx context.Context, s *shelf.Saved) error {
	if !slices.Contains(shelf.Kinds(), s.Shows) {
		return fault.Errorf(fault.Invalid, "shows: one of %s", strings.Join(shelf.Kinds(), ", "))
	}
	if s.Filter == nil {
		s.Filter = url.Values{}
	}
	if s.Shows == shelf.Charts {
		_, err := v.doseView(ctx, queryOf(*s, ""))
		return err
	}
	whole := *s
	whole.Columns = nil
	t, err := v.viewTable(ctx, whole, "")
	if err != nil {
		return err
	}
	if _, err := chosen(t, s.Columns); err != nil {
		return err
	}
	if len(s.Columns) == len(t.Columns) {
		s.Columns = nil
	}
	return nil
}

// DeleteView implements web.Views.
func (v savedView) DeleteView(ctx context.Context, id string) error {
	return v.Shelf.Delete(ctx, at, id)
}

// BeginView implements web.Views.
func (v savedView) BeginView(ctx context.Context, id string) error { return v.Shelf.Begin(ctx, at, id) }

// CopyView implements web.Views.
func (v savedView) CopyView(ctx context.Context, id, every, format string) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	return v.Shelf.Order(ctx, at, id, every, format)
}

// CopyNow implements web.Views.
func (v savedView) CopyNow(ctx context.Context, id string) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	if _, err := v.Shelf.Get(ctx, at, id); err != nil {
		return err
	}
	_, err := v.Shelf.Run(ctx, at, id, v.writeView)
	return err
}

// ViewFile implements web.Views.
func (v savedView) ViewFile(ctx context.Context, w io.Writer, language, id string, format web.ExportFormat) (string, error) {
	if err := may(ctx, access.TableExport); err != nil {
		return "", err
	}
	s, err := v.Shelf.Get(ctx, at, id)
	if err != nil {
		return "", err
	}
	t, err := v.viewTable(ctx, s, language)
	if err != nil {
		return "", err
	}
	if err := v.Shelf.Exported(ctx, s, string(format)); err != nil {
		return "", err
	}
	return shelf.FileName(s) + "-" + v.Now().Format(time.DateOnly) + "." + string(format), writeTable(w, t, string(format))
}
