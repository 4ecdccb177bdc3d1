package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"radagora/access"
	"radagora/db"
	shelf "radagora/dose/view"
	"radagora/export"
	"radagora/fault"
	"radagora/job"
	"radagora/lang"
	"radagora/web"
)

// copySettings say where scheduled copies of dose views go.
type copySettings struct {
	DoseCopyTo string `setting:"" name:"dose-copy-to" placeholder:"FOLDER" help:"Folder for scheduled copies of dose views; without it there are none. It has to be there."`
}

// copyEach is how often it is looked for copies whose time has come.
const copyEach = 5 * time.Minute

// openShelf opens the room of saved views. It is the last to be opened: the views for
// programs rest on the tables of others.
func (h *house) openShelf(ctx context.Context, s settings) error {
	h.Shelf = &shelf.Shelf{DB: h.DB, Journal: h.Journal, Site: h.Sites.Site, Now: h.Now, Log: h.Log, Folder: s.DoseCopyTo}
	if err := h.DB.Migrate(ctx, "doseview", shelf.Migrations()); err != nil {
		return err
	}
	if err := h.Shelf.Define(ctx); err != nil {
		return err
	}
	h.Jobs.Every("dose-copies", job.Interval(copyEach), func(ctx context.Context) error { return h.copies(ctx, s) }, job.Limit(time.Hour))
	return h.learnPlaces(ctx)
}

// copies keeps what the views for programs need, and makes the copies whose time has come.
func (h *house) copies(ctx context.Context, s settings) error {
	if err := h.learnPlaces(ctx); err != nil {
		return err
	}
	v, err := h.quietView(s)
	if err != nil {
		return err
	}
	return h.Shelf.Turn(ctx, at, v.writeView)
}

// learnPlaces keeps for the views for programs where machines stand and which levels
// there are.
func (h *house) learnPlaces(ctx context.Context) error {
	plan, err := h.Sites.Plan(ctx, h.DB, at)
	if err != nil {
		return err
	}
	machines, err := db.List(ctx, h.DB, func(r *db.Rows) (m string, err error) { return m, r.Scan(&m) },
		`select machine_id from site_machine_seen where site_id = $1 order by machine_id`, at)
	if err != nil {
		return err
	}
	var places []shelf.Place
	for _, m := range machines {
		if room, ok := plan.RoomOf(m); ok {
			places = append(places, shelf.Place{Machine: m, Room: room.ID, Name: room.Name})
		}
	}
	levels, err := h.Dose.Levels(ctx, at)
	if err != nil {
		return err
	}
	return h.Shelf.Learn(ctx, at, places, levels)
}

// quietView is a view for work without a page.
func (h *house) quietView(s settings) (*view, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, err
	}
	return &view{house: h, settings: s, words: &words{library: h.Content}, catalogue: catalogue}, nil
}

// queryOf is the query of the dose page that a view stands for.
func queryOf(s shelf.Saved, language string) web.DoseQuery {
	get := s.Filter.Get
	return web.DoseQuery{
		Language: language, Modality: get("modality"), Period: get("period"), Room: get("room"), Exam: get("exam"), Size: get("size"),
		Sort: get("sort"), DAP: get("dap"), Basis: get("basis"),
	}
}

// viewTable makes the table of a view with its columns.
func (v *view) viewTable(ctx context.Context, s shelf.Saved, language string) (t export.Table, err error) {
	d, err := v.doseView(ctx, queryOf(s, language))
	if err != nil {
		return t, err
	}
	switch s.Shows {
	case shelf.Levels:
		t, err = d.levelTable()
	case shelf.Examinations:
		t, err = d.examinationTable(ctx)
	case shelf.Events:
		t, err = d.eventTable(ctx)
	case shelf.Cases:
		t, err = d.caseTable(ctx, s.Filter.Get("show"))
	default:
		return t, fault.Errorf(fault.Invalid, "charts are no table: take along the table they are drawn from")
	}
	if err != nil {
		return t, err
	}
	t.Layout, t.About, t.Made, t.Scratch = exportLayout, d.about(), v.Now(), os.TempDir()
	if s.Shows == shelf.Cases {
		t.About = t.About[1:] // cases have no period
	}
	if s.Name != "" {
		t.About = append(t.About, export.Line{Key: d.text("views.view"), Value: s.Name})
	}
	return chosen(t, s.Columns)
}

// chosen leaves some columns of a table, in the order of the table; none chooses all.
// Invalid: there is none of a name.
func chosen(t export.Table, names []string) (export.Table, error) {
	if len(names) == 0 {
		return t, nil
	}
	var keep []int
	for i, c := range t.Columns {
		if slices.Contains(names, c.Name) {
			keep = append(keep, i)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(t.Columns, func(c export.Column) bool { return c.Name == n }) {
			return t, fault.Errorf(fault.Invalid, "column %q is not one of this table: its names stand in docs/format/dose-tables.md", n)
		}
	}
	columns, rows := make([]export.Column, len(keep)), t.Rows
	for i, k := range keep {
		columns[i] = t.Columns[k]
	}
	t.Columns = columns
	t.Rows = func(yield func([]any, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			some := make([]any, len(keep))
			for i, k := range keep {
				some[i] = row[k]
			}
			if !yield(some, nil) {
				return
			}
		}
	}
	return t, nil
}

// writeTable writes a table in a format.
func writeTable(w io.Writer, t export.Table, format string) error {
	switch web.ExportFormat(format) {
	case web.CSV:
		return export.CSV(w, t)
	case web.XLSX:
		return export.XLSX(w, t)
	case web.Parquet:
		return export.Parquet(w, t)
	}
	return fault.Errorf(fault.Invalid, "no such format: csv, xlsx or parquet")
}

// writeView is a shelf.Writer.
func (v *view) writeView(ctx context.Context, s shelf.Saved, format string, w io.Writer) error {
	t, err := v.viewTable(ctx, s, lang.Source)
	if err != nil {
		return err
	}
	return writeTable(w, t, format)
}

// caseTable is one row for each case; show is as on the page of cases: "" for live ones,
// closed, all.
func (d *doseView) caseTable(ctx context.Context, show string) (export.Table, error) {
	text, number, integer := export.Text, export.Number, export.Integer
	t := export.Table{Name: "dose_cases", Title: d.text("nav.cases"), Columns: []export.Column{
		d.column("case_number", "cases.number", "", integer), d.column("day", "export.day", "", export.Date),
		d.column("room_id", "export.room_id", "", text), d.column("room", "dose.col_room", "", text), d.column("exam_code", "export.exam_code", "", text),
		d.column("rule_set", "export.rule_set", "", text), d.column("rule", "export.rule", "", text), d.column("quantity", "dose.quantity", "", text),
		d.column("ratio", "dose.col_ratio", "1", number), d.column("legal", "export.legal", "", export.Boolean), d.column("substantial", "export.substantial", "", export.Boolean),
		d.column("withdrawn", "export.withdrawn", "", export.Boolean), d.column("state", "dose.col_state", "", text), d.column("reason", "export.reason", "", text),
		d.column("due", "export.due", "", export.Date), d.column("intervention", "export.intervention", "", text),
		d.column("opened_at", "export.opened_at", "", export.Instant), d.column("reviewed_at", "export.reviewed_at", "", export.Instant), d.column("closed_at", "export.closed_at", "", export.Instant),
		d.column("study_instance_uid", "dose.study", "", text), d.column("examination", "export.examination", "", text),
	}}
	all, err := d.Shelf.Cases(ctx, d.site)
	if err != nil {
		return t, err
	}
	all = slices.DeleteFunc(all, func(c shelf.Case) bool {
		closed := c.State == "closed" || c.Withdrawn
		return show == "" && closed || show == "closed" && !closed
	})
	t.Rows = rowsOf(all, func(c shelf.Case) []any {
		return []any{
			c.Number, day(c.Day), c.RoomID, c.Room, c.Exam, c.Set, c.Rule, c.Quantity, c.Ratio, c.Legal, c.Substantial, c.Withdrawn, c.State, c.Reason,
			day(c.Due), c.Intervention, instant(c.OpenedAt), instant(c.ReviewedAt), instant(c.ClosedAt), c.Study, c.Examination,
		}
	})
	return t, nil
}

// copyState looks at the scheduled copies.
func (o *observer) copyState(ctx context.Context) ([]condition, error) {
	all, err := (&shelf.Shelf{DB: o.db}).Copies(ctx, at)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	late := 0
	for _, c := range all {
		if c.Late(o.now()) {
			late++
		}
	}
	c := condition{
		Name: msg("status.copies", nil), Value: msg("status.copies_value", lang.Args{"n": len(all)}), Reference: msg("status.none_failed", nil), State: stateGood,
		Key: "dose copies", Tell: o.tell("status.dose.copy", "n", strconv.Itoa(late)),
	}
	c.Tell.Path = "/dose/views"
	switch {
	case o.settings.DoseCopyTo == "":
		c.Value, c.State, c.Tell = msg("status.copies_folder", lang.Args{"n": len(all)}), stateWarn, o.tell("status.dose.copy", "n", strconv.Itoa(len(all)))
	case late > 0:
		c.Value, c.State = msg("status.copies_failed", lang.Args{"n": late}), stateTrouble
	}
	return []condition{c}, nil
}

// asPhysicist is who works at the command line.
func (h *house) asPhysicist(ctx context.Context) context.Context {
	return access.WithJudge(access.With(ctx, access.Who{ID: access.Local, Grants: access.Everywhere(access.Physicist, access.Administrator, access.Steward)}), h.Judge)
}
