package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Rejects counts exposures that were rejected, and tells of the exposure of detectors.
type Rejects interface {
	// Rejects returns what the logs of a period say.
	Rejects(ctx context.Context, language string, q RejectQuery) (RejectsPage, error)
	// ImportRejects takes a log, or with dry only says what would happen.
	ImportRejects(ctx context.Context, who Person, raw []byte, f RejectForm, dry bool) (RejectTrial, error)
	UndoRejects(ctx context.Context, who Person, id string) error
	// SayReject notes what a vendor's logs mean by a reason.
	SayReject(ctx context.Context, who Person, vendor, text, code string) error
	// RejectFile writes a part of the pages: rooms, views, reasons, exposure.
	RejectFile(ctx context.Context, w io.Writer, language string, q RejectQuery, part string, format ExportFormat) error
	// Exposure returns how an index of the detectors spreads.
	Exposure(ctx context.Context, language string, q RejectQuery) (ExposurePage, error)
}

// A RejectQuery chooses among exposures; "" chooses all.
type RejectQuery struct {
	Months         int    // that the period is long; 0 is twelve
	Room, Exam     string // Exam as the log calls it; of exposure indices the code
	Index          string // exposure_index, exposure_target, deviation_index
	Vendor, Second string // the map of columns that a form shows: vendor and version
}

// A RejectsPage is what logs say.
type RejectsPage struct {
	From, To           time.Time
	Least              float64 // share of the images of the archive below which a rate is incomplete
	Coverage           float64 // of intervals
	Archive            bool    // the archive was asked
	Rooms              []RejectRoom
	Views              []RejectView
	Causes             []RejectCause
	Unknown, Known     []RejectWord
	Repeats            []RejectRepeat
	Batches            []RejectBatch
	Maps               []RejectMap
	Reasons            []face.Choice
	Draft              bool // the reasons are not confirmed
	RoomChoices, Exams []face.Choice
	Machines           []face.Choice
	Form               RejectForm // with the map of columns that was chosen
}

// A RejectRate is a rate with what it is of.
type RejectRate struct {
	Accepted, Rejected, Tests int
	Rate, Low, High           float64
	Known                     bool // the log tells of accepted exposures
}

// A RejectRoom is a room, or a month of it.
type RejectRoom struct {
	Room  RoomRef
	Month string // 2006-01, "" of the whole
	RejectRate
	Images, Logged, Of     int // in the archive; months of a room with a log, and all of them
	Share                  float64
	ShareKnown, Incomplete bool
	Months                 []RejectRoom
}

// A RejectView is an examination or view of a room.
type RejectView struct {
	Room       RoomRef
	Exam, View string
	RejectRate
}

// A RejectCause is a reason in a room.
type RejectCause struct {
	Room        RoomRef
	Code, Label string
	N           int
	Share       float64 // of the rejects of the room
}

// A RejectWord is what a vendor's logs write as a reason.
type RejectWord struct {
	Vendor, Text, Code, Label, By string
	Rejected, Accepted            int
}

// A RejectRepeat is what dose reports of a room say of repeats.
type RejectRepeat struct {
	Room           RoomRef
	Told, Repeated int
}

// A RejectBatch is a log that was imported.
type RejectBatch struct {
	ID, Vendor, Release, By, Digest string
	Rows, Taken, Left               int
	At                              time.Time
	Undone                          bool
}

// A RejectMap is a map of columns that was kept.
type RejectMap struct{ Vendor, Release string }

// A RejectForm says how a log is to be read.
type RejectForm struct {
	Vendor, Release    string
	Columns            map[string]string // by field
	Rejected, Accepted string            // words, with semicolons
	All                bool
	Days, Machine      string
	Machines           string // one a line, NAME = MACHINE
}

// rejectFields are the fields of a log, in the order of the form.
var rejectFields = []string{"machine", "date", "time", "exam", "view", "rejected", "reason", "exposure_index"}

// A RejectTrial is what importing a log would do, or did.
type RejectTrial struct {
	Batch                       string
	Rows, Taken, Rejected, Left int
	Header, Called              []string
	Wrong                       []EntryWrong
}

// An ExposurePage is how an index of the detectors spreads.
type ExposurePage struct {
	From, To    time.Time
	Index       string
	Room, Exam  string
	Rows        []ExposureRow
	Groups      []ExposureGroup // of the chosen index, those that are drawn
	Left        int             // groups that are not drawn
	RoomChoices []face.Choice
	Exams       []face.Choice
	Mismatches  []ExposureMismatch
}

// An ExposureRow is a room with an examination.
type ExposureRow struct {
	Room RoomRef
	Exam string
	Of   map[string]ExposureSpread // by index
}

// An ExposureSpread is how values spread.
type ExposureSpread struct {
	N                        int
	P05, Q1, Median, Q3, P95 float64
}

// An ExposureGroup is a room with an examination in the chart.
type ExposureGroup struct {
	Room RoomRef
	Exam string
	ExposureSpread
	Points []float64
}

// An ExposureMismatch is how often the deviation index of a room is not the one that the
// exposure indices make.
type ExposureMismatch struct {
	Room RoomRef
	N    int
}

const (
	rejectsAt  = "/dose/rejects"
	exposureAt = "/dose/exposure"
)

// rejectMonths are the lengths of the periods that can be chosen.
var rejectMonths = []int{3, 12, 24, 60}

// exposureIndices are the indices that can be chosen.
var exposureIndices = []string{"deviation_index", "exposure_index", "exposure_target"}

// rejectRoutes are the pages.
func (s *server) rejectRoutes(g registrar) {
	if s.Rejects == nil {
		return
	}
	g.get(rejectsAt, access.AggregateRead, s.rejectsPage)
	g.upload(rejectsAt+"/import", access.DoseEnter, mostEntry+formLimit, s.rejectsImport)
	g.post(rejectsAt+"/undo", access.DoseEnter, s.rejectsUndo)
	g.post(rejectsAt+"/reason", access.DoseEnter, s.rejectsReason)
	g.get(rejectsAt+"/export", access.TableExport, s.rejectsExport)
	g.get(exposureAt, access.AggregateRead, s.exposurePage)
	g.get(exposureAt+"/export", access.TableExport, s.rejectsExport)
}

// rejectQuery reads the filter of an address.
func (v *visit) rejectQuery() (RejectQuery, error) {
	q := v.r.URL.Query()
	out := RejectQuery{Room: q.Get("room"), Exam: q.Get("exam"), Index: orElse(q.Get("index"), exposureIndices[0]), Vendor: q.Get("vendor"), Second: q.Get("release"), Months: 12}
	if text := q.Get("months"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || !slices.Contains(rejectMonths, n) {
			return out, fault.Errorf(fault.Invalid, "a period is 3, 12, 24 or 60 months long")
		}
		out.Months = n
	}
	if !slices.Contains(exposureIndices, out.Index) {
		return out, fault.Errorf(fault.Invalid, "an index is one of %s", strings.Join(exposureIndices, ", "))
	}
	return out, nil
}

// A rejectOutcome is what became of a form.
type rejectOutcome struct {
	form  *RejectForm
	tried *RejectTrial
	said  string
}

// rejectsPage shows what logs say.
func (s *server) rejectsPage(v *visit) error { return v.showRejects(rejectOutcome{}) }

// showRejects shows the page with what became of a form.
func (v *visit) showRejects(o rejectOutcome) error {
	q, err := v.rejectQuery()
	if err != nil {
		return err
	}
	pg, err := v.Rejects.Rejects(v.r.Context(), v.p.Tag(), q)
	if err != nil {
		return err
	}
	if o.form != nil {
		pg.Form = *o.form
	}
	head := page{title: v.p.T("nav.rejects"), lead: v.p.T("dose.period", lang.Args{"from": pg.From, "to": pg.To}), section: rejectsAt}
	if o.said != "" {
		head.status = 400
	}
	return v.show(head, rejectsBody(v, pg, q, o))
}

// rejectsImport tries a log, or takes it.
func (s *server) rejectsImport(v *visit) error {
	if err := v.r.ParseMultipartForm(8 << 20); err != nil {
		return tooMuch(err)
	}
	defer func() { _ = v.r.MultipartForm.RemoveAll() }()
	get := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	f := RejectForm{
		Vendor: get("vendor"), Release: get("release"), Rejected: get("rejected"), Accepted: get("accepted"), All: get("all") != "",
		Days: get("days"), Machine: get("on"), Machines: get("machines"), Columns: map[string]string{},
	}
	for _, field := range rejectFields {
		if name := get("column_" + field); name != "" {
			f.Columns[field] = name
		}
	}
	file, _, err := v.r.FormFile("log")
	if err != nil {
		return v.showRejects(rejectOutcome{form: &f, said: v.p.T("entry.no_file")})
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, mostEntry+1))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	t, err := s.Rejects.ImportRejects(v.r.Context(), v.who, raw, f, get("do") != "take")
	if why := said(err); why != "" || fault.Of(err) == fault.Unsupported || fault.Of(err) == fault.NotFound {
		return v.showRejects(rejectOutcome{form: &f, said: orElse(why, fmt.Sprint(err))})
	}
	if err != nil {
		return err
	}
	if t.Batch != "" {
		return v.back(rejectsAt, "reject_imported")
	}
	return v.showRejects(rejectOutcome{form: &f, tried: &t})
}

// rejectsUndo takes a log back.
func (s *server) rejectsUndo(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := s.Rejects.UndoRejects(v.r.Context(), v.who, v.field("id")); err != nil {
		return err
	}
	return v.back(rejectsAt, "reject_undone")
}

// rejectsReason notes what a reason means.
func (s *server) rejectsReason(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	err := s.Rejects.SayReject(v.r.Context(), v.who, v.field("vendor"), v.field("text"), v.field("code"))
	if why := said(err); why != "" {
		return v.showRejects(rejectOutcome{said: why})
	}
	if err != nil {
		return err
	}
	return v.back(rejectsAt, "reject_said")
}

// rejectsExport hands out a part of the pages.
func (s *server) rejectsExport(v *visit) error {
	q, err := v.rejectQuery()
	if err != nil {
		return err
	}
	part, format := v.r.URL.Query().Get("part"), ExportFormat(v.r.URL.Query().Get("format"))
	if mediaTypes[format] == "" || !slices.Contains([]string{"rooms", "views", "reasons", "exposure"}, part) {
		return fault.Errorf(fault.Invalid, "no export of part %q as %q", part, format)
	}
	var b bytes.Buffer
	if err := s.Rejects.RejectFile(v.r.Context(), &b, v.p.Tag(), q, part, format); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("rejects-%s-%s.%s", part, v.now().Format("2006-01-02"), format), mediaTypes[format])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// exposurePage shows how an index of the detectors spreads.
func (s *server) exposurePage(v *visit) error {
	q, err := v.rejectQuery()
	if err != nil {
		return err
	}
	pg, err := s.Rejects.Exposure(v.r.Context(), v.p.Tag(), q)
	if err != nil {
		return err
	}
	return v.show(page{
		title: v.p.T("nav.exposure"), lead: v.p.T("dose.period", lang.Args{"from": pg.From, "to": pg.To}), section: exposureAt,
	}, exposureBody(v, pg, q))
}

// rejectFile is the address of an export.
func rejectFile(at string, q RejectQuery, part string, format ExportFormat) string {
	values := url.Values{"part": {part}, "format": {string(format)}, "months": {strconv.Itoa(q.Months)}}
	for name, text := range map[string]string{"room": q.Room, "exam": q.Exam} {
		if text != "" {
			values.Set(name, text)
		}
	}
	return at + "/export?" + values.Encode()
}

// monthChoices are the lengths of periods.
func (v *visit) monthChoices() (all []face.Choice) {
	for _, n := range rejectMonths {
		all = append(all, face.Choice{Code: strconv.Itoa(n), Label: v.p.T("reject.months", lang.Args{"n": n})})
	}
	return all
}

// rateWords is a rate with its interval.
func (v *visit) rateWords(r RejectRate) templ.Component {
	if !r.Known {
		return face.Words("–", v.p.T("reject.rate_unknown"))
	}
	return face.Words(v.p.Percent(r.Rate), v.p.T("reject.interval", lang.Args{"low": v.p.Percent(r.Low), "high": v.p.Percent(r.High)}))
}

// counted is how many exposures a rate is of.
func (v *visit) counted(r RejectRate) templ.Component {
	tests := ""
	if r.Tests > 0 {
		tests = v.p.T("reject.tests", lang.Args{"n": r.Tests})
	}
	return face.Words(v.p.Count(int64(r.Rejected))+" / "+v.p.Count(int64(r.Accepted+r.Rejected)), tests)
}

// rejectRoomTable lists the rooms with a log.
func (v *visit) rejectRoomTable(pg RejectsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "rooms", Caption: p.T("reject.rooms"), Empty: face.Nothing(p.T("reject.none"), p.T("reject.none_text")),
		Columns: []face.Column{
			{Label: p.T("dose.col_room"), Phone: face.Name},
			{Label: p.T("reject.rate"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reject.of"), Numeric: true},
			{Label: p.T("reject.logged"), Numeric: true},
			{Label: p.T("reject.share"), Numeric: true},
			{Label: p.T("reject.complete"), Phone: face.Drawn},
		},
	}
	for _, r := range pg.Rooms {
		t.Rows = append(t.Rows, face.Row{ID: "room-" + r.Room.ID, Href: rejectsAt + "?room=" + url.QueryEscape(r.Room.ID), Cells: []templ.Component{
			face.Words(r.Room.Name, ""), v.rateWords(r.RejectRate), v.counted(r.RejectRate),
			face.Words(p.T("reject.k_of_n", lang.Args{"k": r.Logged, "n": r.Of}), ""), v.shareWords(r), rejectTag(v, r),
		}})
	}
	return t
}

// shareWords is how much of the archive a log tells of.
func (v *visit) shareWords(r RejectRoom) templ.Component {
	if !r.ShareKnown {
		return face.Words("–", v.p.T("reject.no_images"))
	}
	return face.Words(v.p.Percent(r.Share), v.p.T("reject.images", lang.Args{"k": r.Accepted, "n": r.Images}))
}

// rejectMonthTable lists the months of the rooms.
func (v *visit) rejectMonthTable(pg RejectsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "months", Caption: p.T("reject.by_month"), Empty: face.Nothing(p.T("reject.none"), p.T("reject.none_text")), Dense: true,
		Columns: []face.Column{
			{Label: p.T("reject.month"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("reject.rate"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reject.of"), Numeric: true},
			{Label: p.T("reject.share"), Numeric: true},
			{Label: p.T("reject.complete"), Phone: face.Drawn},
		},
	}
	for _, r := range pg.Rooms {
		for _, m := range r.Months {
			t.Rows = append(t.Rows, face.Row{ID: "month-" + r.Room.ID + m.Month, Cells: []templ.Component{
				face.Words(v.monthName(m.Month), r.Room.Name), face.Words(r.Room.Name, ""), v.rateWords(m.RejectRate), v.counted(m.RejectRate), v.shareWords(m), rejectTag(v, m),
			}})
		}
	}
	return t
}

// rejectViewTable lists examinations and views.
func (v *visit) rejectViewTable(pg RejectsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "views", Caption: p.T("reject.views"), Empty: face.Nothing(p.T("reject.none"), p.T("reject.none_text")), Dense: true,
		Columns: []face.Column{
			{Label: p.T("reject.exam"), Phone: face.Name},
			{Label: p.T("reject.view")},
			{Label: p.T("dose.col_room")},
			{Label: p.T("reject.rate"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reject.of"), Numeric: true},
		},
	}
	for i, x := range pg.Views[:min(len(pg.Views), mostViews)] {
		t.Rows = append(t.Rows, face.Row{ID: "view-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(orElse(x.Exam, "–"), x.View), face.Words(orElse(x.View, "–"), ""), face.Words(x.Room.Name, ""), v.rateWords(x.RejectRate), v.counted(x.RejectRate),
		}})
	}
	return t
}

// mostViews is how many examinations the page lists; the file has all.
const mostViews = 200

// rejectCauseTable lists reasons.
func (v *visit) rejectCauseTable(pg RejectsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "reasons", Caption: p.T("reject.reasons"), Empty: face.Nothing(p.T("reject.none"), p.T("reject.none_text")), Dense: true,
		Columns: []face.Column{
			{Label: p.T("reject.reason"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("reject.n"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reject.of_rejects"), Numeric: true},
		},
	}
	for i, c := range pg.Causes {
		t.Rows = append(t.Rows, face.Row{ID: "reason-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(orElse(c.Label, p.T("reject.unmapped")), c.Room.Name), face.Words(c.Room.Name, ""), face.Words(p.Count(int64(c.N)), ""), face.Words(p.Percent(c.Share), ""),
		}})
	}
	return t
}

// rejectRepeatTable lists what dose reports say.
func (v *visit) rejectRepeatTable(pg RejectsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "repeats", Caption: p.T("reject.repeats"), Empty: face.Nothing(p.T("reject.no_repeats"), p.T("reject.no_repeats_text")),
		Columns: []face.Column{
			{Label: p.T("dose.col_room"), Phone: face.Name},
			{Label: p.T("reject.repeated"), Numeric: true, Phone: face.Beside},
			{Label: p.T("reject.told"), Numeric: true},
		},
	}
	for _, r := range pg.Repeats {
		t.Rows = append(t.Rows, face.Row{ID: "repeat-" + r.Room.ID, Cells: []templ.Component{
			face.Words(r.Room.Name, ""), face.Words(p.Count(int64(r.Repeated)), p.T("reject.from_reports")), face.Words(p.Count(int64(r.Told)), ""),
		}})
	}
	return t
}

// indexName names an index of the detectors.
func (v *visit) indexName(index string) string { return v.p.T("exposure." + index) }

// indexChoices are the indices.
func (v *visit) indexChoices() (all []face.Choice) {
	for _, index := range exposureIndices {
		all = append(all, face.Choice{Code: index, Label: v.indexName(index)})
	}
	return all
}

// exposureChart draws the chosen index.
func (v *visit) exposureChart(pg ExposurePage) face.Distribution {
	c := face.Distribution{
		Chart:    face.Chart{ID: "exposure", Title: v.indexName(pg.Index), Text: v.p.T("exposure.chart_text")},
		Quantity: v.indexName(pg.Index), Unit: "1", Log: pg.Index != "deviation_index",
	}
	if pg.Index == "deviation_index" {
		c.References = []face.Reference{{Value: 0, Name: v.p.T("exposure.at_target")}}
	}
	for _, g := range pg.Groups {
		label := g.Room.Name + ", " + orElse(g.Exam, v.p.T("exposure.no_exam"))
		c.Groups = append(c.Groups, face.Group{
			Label: label, Colour: g.Room.Colour, N: g.N, P05: g.P05, Q1: g.Q1, Median: g.Median, Q3: g.Q3, P95: g.P95, Points: g.Points,
			Sentence: v.p.T("dose.spread_point", lang.Args{"room": label, "n": g.N, "median": v.p.Sig(g.Median), "low": v.p.Sig(g.Q1), "high": v.p.Sig(g.Q3)}),
		})
	}
	return c
}

// exposureTable lists rooms and examinations.
func (v *visit) exposureTable(pg ExposurePage) face.Table {
	p := v.p
	t := face.Table{
		ID: "exposure-rows", Caption: p.T("nav.exposure"), Empty: face.Nothing(p.T("exposure.none"), p.T("exposure.none_text")), Dense: true,
		Columns: []face.Column{
			{Label: p.T("dose.col_exam"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("exposure.exposure_index"), Numeric: true},
			{Label: p.T("exposure.exposure_target"), Numeric: true},
			{Label: p.T("exposure.deviation_index"), Numeric: true, Phone: face.Beside},
		},
	}
	for i, r := range pg.Rows {
		cells := []templ.Component{face.Words(orElse(r.Exam, p.T("exposure.no_exam")), r.Room.Name), face.Words(r.Room.Name, "")}
		for _, index := range []string{"exposure_index", "exposure_target", "deviation_index"} {
			s := r.Of[index]
			if s.N == 0 {
				cells = append(cells, face.Words("–", ""))
				continue
			}
			cells = append(cells, face.Words(p.Sig(s.Median), p.T("exposure.spread", lang.Args{"low": p.Sig(s.P05), "high": p.Sig(s.P95), "n": s.N})))
		}
		t.Rows = append(t.Rows, face.Row{ID: "exposure-" + strconv.Itoa(i), Cells: cells})
	}
	return t
}

// rejectMapAt is the address of the form with a map of columns.
func rejectMapAt(m RejectMap) string {
	return rejectsAt + "?" + url.Values{"vendor": {m.Vendor}, "release": {m.Release}}.Encode() + "#logs-h"
}

// rejectRule says what is wrong with a row, and the way out.
func (v *visit) rejectRule(w EntryWrong) string {
	text := v.p.T("reject.rule_" + w.Rule)
	if w.Column != "" {
		text = v.p.T("reject.field_"+w.Column) + ": " + text
	}
	return v.p.T("entry.line", lang.Args{"n": w.Line}) + " " + text
}
