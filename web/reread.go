package web

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Rereading reads all studies again when the reader improved, and says what changed.
type Rereading interface {
	// Rereading returns the readings and what one of them found: that of the id, or else
	// the last; "rebuild" is what studies told otherwise that were derived anew by themselves.
	Rereading(ctx context.Context, run string) (RereadPage, error)
	// ReadAgain asks for a reading. Conflict: one goes on. Invalid: a day that is none.
	ReadAgain(ctx context.Context, who Person, since string, trial bool) error
	StopReread(ctx context.Context, who Person, run string) error
	// RereadFile writes what a reading found as CSV.
	RereadFile(ctx context.Context, w io.Writer, run string) error
}

// A RereadPage is what reading again found.
type RereadPage struct {
	Old    int64 // studies that an older reader read
	Reader int64 // version of the present one
	Runs   []RereadRun
	Run    string // whose changes are shown: id, or "rebuild"
	Groups []RereadGroup
}

// A RereadRun is a reading of all studies.
type RereadRun struct {
	ID, By, Since               string
	Trial, Stopped              bool
	Total, Done, Differ, Failed int64
	At, Ended                   time.Time
}

// A RereadGroup are changes of one kind.
type RereadGroup struct {
	Modality, Device, What, Field string
	N, Studies                    int
	Examples                      []RereadExample
}

// A RereadExample is one change.
type RereadExample struct {
	ID, Before, After string // ID is of the page of an examination
}

const (
	rereadAt   = "/dose/reread"
	ofRebuilds = "rebuild"
)

// rereadRoutes are the addresses of the page.
func (s *server) rereadRoutes(g registrar) {
	if s.Rereading == nil {
		return
	}
	g.get(rereadAt, access.ExaminationRead, s.rereadPage)
	g.get(rereadAt+"/file", access.TableExport, s.rereadFile)
	g.post(rereadAt, access.Calibrate, s.rereadDo)
	g.post(rereadAt+"/stop", access.Calibrate, s.rereadStop)
}

// rereadOf is the address of a reading.
func rereadOf(run string) string { return rereadAt + "?run=" + url.QueryEscape(run) }

// rereadPage shows what reading again found.
func (s *server) rereadPage(v *visit) error { return v.showReread("") }

// showReread shows the page with what was refused.
func (v *visit) showReread(said string) error {
	pg, err := v.Rereading.Rereading(v.r.Context(), v.r.URL.Query().Get("run"))
	if err != nil {
		return err
	}
	head := page{
		title: v.p.T("reread.title"), lead: v.p.T("reread.lead", lang.Args{"n": pg.Old, "version": pg.Reader}), section: qualityAt,
		crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}},
	}
	if said != "" {
		head.status = 400
	}
	return v.show(head, rereadBody(v, pg, said))
}

// rereadDo asks for a reading.
func (s *server) rereadDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	err := s.Rereading.ReadAgain(v.r.Context(), v.who, strings.TrimSpace(v.r.PostForm.Get("since")), v.r.PostForm.Get("do") != "apply")
	switch {
	case err == nil:
		return v.back(rereadAt, "reread")
	case fault.Of(err) == fault.Conflict:
		return v.showReread(v.p.T("reread.goes_on"))
	case fault.Of(err) == fault.Invalid:
		return v.showReread(v.p.T("reread.no_day"))
	}
	return err
}

// rereadStop ends a reading.
func (s *server) rereadStop(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Rereading.StopReread(v.r.Context(), v.who, v.r.PostForm.Get("run")); err != nil {
		return err
	}
	return v.back(rereadAt, "reread_stopped")
}

// rereadFile hands out what a reading found.
func (s *server) rereadFile(v *visit) error {
	var b bytes.Buffer
	if err := s.Rereading.RereadFile(v.r.Context(), &b, v.r.URL.Query().Get("run")); err != nil {
		return err
	}
	v.attach("changes.csv", "text/csv; charset=utf-8")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// rereadState says how far a reading is.
func (v *visit) rereadState(x RereadRun) string {
	args := lang.Args{"done": v.p.Count(x.Done), "total": v.p.Count(x.Total)}
	switch {
	case x.Stopped:
		return v.p.T("reread.stopped", args)
	case x.Ended.IsZero():
		return v.p.T("reread.going", args)
	}
	return v.p.T("reread.ended", args)
}

// rereadRuns lists the readings.
func (v *visit) rereadRuns(pg RereadPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "rereads", Caption: p.T("reread.runs"), Empty: face.Nothing(p.T("reread.none"), p.T("reread.none_text")),
		Columns: []face.Column{
			{Label: p.T("reread.asked"), Phone: face.Name},
			{Label: p.T("reread.kind"), Phone: face.Drawn},
			{Label: p.T("reread.since")},
			{Label: p.T("reread.state"), Phone: face.Beside},
			{Label: p.T("reread.differ"), Numeric: true},
			{Label: p.T("reread.failed"), Numeric: true},
		},
	}
	for _, x := range pg.Runs {
		kind := "reread.applied"
		if x.Trial {
			kind = "reread.trial"
		}
		t.Rows = append(t.Rows, face.Row{ID: "run-" + x.ID, Href: rereadOf(x.ID), Cells: []templ.Component{
			face.Words(p.Date(v.local(x.At)), x.By), face.Words(p.T(kind), ""), face.Words(orElse(x.Since, p.T("reread.all")), ""),
			face.Words(v.rereadState(x), ""), face.Words(p.Count(x.Differ), ""), face.Words(p.Count(x.Failed), ""),
		}})
	}
	return t
}

// rereadGroups lists what changed.
func (v *visit) rereadGroups(pg RereadPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "changes", Caption: p.T("reread.changes"), Empty: face.Nothing(p.T("reread.same"), p.T("reread.same_text")),
		Columns: []face.Column{
			{Label: p.T("reread.what"), Phone: face.Name},
			{Label: p.T("reread.device")},
			{Label: p.T("reread.n"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reread.studies"), Numeric: true},
			{Label: p.T("reread.examples"), Phone: face.Drawn},
		},
	}
	for i, g := range pg.Groups {
		t.Rows = append(t.Rows, face.Row{ID: "change-" + p.Count(int64(i)), Cells: []templ.Component{
			face.Words(v.rereadField(g), v.word("reread.what_", g.What)), face.Words(g.Device, g.Modality),
			face.Words(p.Count(int64(g.N)), ""), face.Words(p.Count(int64(g.Studies)), ""), rereadExamples(v, g),
		}})
	}
	return t
}

// rereadField names what changed.
func (v *visit) rereadField(g RereadGroup) string {
	switch g.What {
	case "amount":
		return v.word("quantity.", g.Field)
	case "flag":
		return v.word("dosequality.", g.Field)
	case "event":
		return v.p.T("reread.what_event")
	}
	return strings.ReplaceAll(g.Field, "_", " ")
}
