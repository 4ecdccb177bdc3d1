package web

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Migrations take over what other archives have.
type Migrations interface {
	// Migrations returns the page; id names the one that is shown whole, "" the latest.
	Migrations(ctx context.Context, id string) (MigrationPage, error)
	// Migrate begins one; a RefusalError for one that cannot be.
	Migrate(ctx context.Context, m MigrationForm) error
	// MigrationDo has one pause, continue, cancel, or fetch again what differs.
	MigrationDo(ctx context.Context, id, do string) error
	// MigrationReport writes every study that differs as CSV.
	MigrationReport(ctx context.Context, id string, w io.Writer) error
}

// A MigrationForm is what somebody decides about a migration.
type MigrationForm struct {
	Peer           string
	First, Last    string // YYYY-MM-DD
	From, Until    string // HH:MM
	AtOnce, AnHour int
}

// A MigrationPage is what the page shows.
type MigrationPage struct {
	Peers []face.Choice
	All   []Migration
	Open  *Migration
	Days  []MigrationDay
	Apart []MigrationApart
	More  bool // more differ than are shown
}

// A Migration is how far one is.
type Migration struct {
	ID, Peer, State, Reason, Detail string
	First, Last, Next, Hours, By    string // days as DICOM writes them
	AtOnce, AnHour                  int
	Asked, Days                     int64 // days asked about, of all
	Found, Begun, Verified, Differs int64 // studies
	OnlyHere, Instances             int64
	Updated                         time.Time
}

// A MigrationDay is what a peer had of a day.
type MigrationDay struct {
	Day                                   string
	Studies, Instances, Verified, Differs int64
}

// A MigrationApart is a study that is not the same there and here.
type MigrationApart struct {
	Study, Day, Kind, Detail    string
	Counted, There, Here, Extra int64
}

func (s *server) migrationRoutes(g registrar) {
	if s.Migrations == nil {
		return
	}
	g.get("/images/migration", access.StudyFetch, s.migrationPage)
	g.post("/images/migration", access.StudyFetch, s.migrationBegin)
	g.post("/images/migration/do", access.StudyFetch, s.migrationDo)
	g.get("/images/migration/report", access.StudyFetch, s.migrationReport)
}

// migrationPage shows how far migrations are.
func (s *server) migrationPage(v *visit) error {
	return v.showMigration(MigrationForm{From: "19:00", Until: "06:00", AtOnce: 2, AnHour: 200}, nil)
}

// showMigration shows the page; f and wrong are a form it has to give back.
func (v *visit) showMigration(f MigrationForm, wrong map[string]string) error {
	p, err := v.Migrations.Migrations(v.r.Context(), v.r.URL.Query().Get("open"))
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.migration"), lead: v.p.T("migration.lead"), section: "/images/migration"}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, migrationBody(v, p, f, wrong))
}

// migrationBegin begins one.
func (s *server) migrationBegin(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	f := MigrationForm{Peer: get("peer"), First: get("first"), Last: get("last"), From: get("from"), Until: get("until")}
	wrong := map[string]string{}
	for name, n := range map[string]*int{"at_once": &f.AtOnce, "an_hour": &f.AnHour} {
		var err error
		if *n, err = strconv.Atoi(get(name)); err != nil || *n < 1 {
			wrong[name] = v.p.T("migration.wrong_number")
		}
	}
	for _, name := range []string{"first", "last"} {
		if _, err := time.Parse(time.DateOnly, get(name)); err != nil {
			wrong[name] = v.p.T("migration.wrong_day")
		}
	}
	for _, name := range []string{"from", "until"} {
		if _, err := time.Parse("15:04", get(name)); get(name) != "" && err != nil {
			wrong[name] = v.p.T("exchange.wrong_hour")
		}
	}
	if len(wrong) == 0 {
		switch err := s.Migrations.Migrate(v.r.Context(), f); {
		case err == nil:
		case fault.Of(err) == fault.Conflict:
			wrong["form"] = v.p.T("migration.wrong_twice")
		case fault.Of(err) == fault.Invalid:
			wrong["form"] = v.p.T("migration.wrong_form")
		default:
			return err
		}
	}
	if len(wrong) > 0 {
		return v.showMigration(f, wrong)
	}
	return v.back("/images/migration", "migration_began")
}

// migrationDo changes one.
func (s *server) migrationDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id := v.r.PostForm.Get("id")
	if err := s.Migrations.MigrationDo(v.r.Context(), id, v.r.PostForm.Get("do")); err != nil {
		return err
	}
	return v.back("/images/migration?open="+id, "migration_changed")
}

// migrationReport gives every study that differs.
func (s *server) migrationReport(v *visit) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="migration.csv"`)
	return s.Migrations.MigrationReport(v.r.Context(), v.r.URL.Query().Get("open"), v.w)
}

// migrationDays lists the inventory.
func (v *visit) migrationDays(p MigrationPage) face.Table {
	t := face.Table{
		ID: "days", Caption: v.p.T("migration.days"), Dense: true,
		Empty: face.Nothing(v.p.T("migration.no_day"), v.p.T("migration.no_day_text")),
		Columns: []face.Column{
			{Label: v.p.T("migration.day"), Phone: face.Name},
			{Label: v.p.T("migration.studies"), Numeric: true, Phone: face.Beside},
			{Label: v.p.T("migration.instances"), Numeric: true},
			{Label: v.p.T("migration.state_verified"), Numeric: true, Phone: face.Drawn},
			{Label: v.p.T("migration.state_differs"), Numeric: true, Phone: face.Wide},
		},
	}
	for _, d := range p.Days {
		t.Rows = append(t.Rows, face.Row{ID: "d-" + d.Day, Cells: []templ.Component{
			face.Words(v.dicomDay(d.Day), ""), face.Figures(v.p.Count(d.Studies), ""), face.Figures(v.p.Count(d.Instances), ""),
			face.Figures(v.p.Count(d.Verified), ""), face.Figures(v.p.Count(d.Differs), ""),
		}})
	}
	return t
}

// migrationApart lists what differs.
func (v *visit) migrationApart(p MigrationPage) face.Table {
	t := face.Table{
		ID: "apart", Caption: v.p.T("migration.apart"), Dense: true,
		Empty: face.Nothing(v.p.T("migration.same"), v.p.T("migration.same_text")),
		Columns: []face.Column{
			{Label: v.p.T("exchange.study"), Phone: face.Name},
			{Label: v.p.T("migration.why"), Phone: face.Beside},
			{Label: v.p.T("migration.counted"), Numeric: true},
			{Label: v.p.T("fetch.there"), Numeric: true, Phone: face.Drawn},
			{Label: v.p.T("fetch.here"), Numeric: true, Phone: face.Wide},
		},
	}
	for _, a := range p.Apart {
		counted := "–"
		if a.Counted >= 0 {
			counted = v.p.Count(a.Counted)
		}
		t.Rows = append(t.Rows, face.Row{ID: "a-" + a.Study, Cells: []templ.Component{
			face.Words(v.dicomDay(a.Day), a.Study), face.Words(v.p.T("migration.kind_"+a.Kind), a.Detail),
			face.Figures(counted, ""), face.Figures(v.p.Count(a.There), ""), face.Figures(v.p.Count(a.Here+a.Extra), ""),
		}})
	}
	return t
}

// migrationFacts are the numbers of one.
func (v *visit) migrationFacts(m Migration) []face.Fact {
	return []face.Fact{
		{Label: v.p.T("migration.span"), Value: v.dicomDay(m.First) + " – " + v.dicomDay(m.Last)},
		{Label: v.p.T("migration.hours"), Value: orElse(m.Hours, v.p.T("migration.all_day"))},
		{Label: v.p.T("migration.at_once"), Value: strconv.Itoa(m.AtOnce)},
		{Label: v.p.T("migration.an_hour"), Value: strconv.Itoa(m.AnHour)},
		{Label: v.p.T("migration.state_found"), Value: v.p.Count(m.Found)},
		{Label: v.p.T("migration.state_begun"), Value: v.p.Count(m.Begun)},
		{Label: v.p.T("migration.state_verified"), Value: v.p.Count(m.Verified)},
		{Label: v.p.T("migration.state_differs"), Value: v.p.Count(m.Differs)},
		{Label: v.p.T("migration.state_only_here"), Value: v.p.Count(m.OnlyHere)},
		{Label: v.p.T("migration.instances"), Value: v.p.Count(m.Instances)},
	}
}
