package web

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// DoseQuality shows what is doubtful or missing in the doses, and proves each device.
type DoseQuality interface {
	// Board counts what is doubtful in the last twelve months.
	Board(ctx context.Context) (QualityBoard, error)
	// Flagged lists what bears a flag; "" chooses all.
	Flagged(ctx context.Context, flag, machine, month string) ([]FlaggedDose, error)
	// Device tells of a machine. NotFound: there is none such.
	Device(ctx context.Context, machine string) (QualityDevice, error)
	// Calibrate notes a calibration. Invalid, Conflict: said to whoever typed it.
	Calibrate(ctx context.Context, by Person, c CalibrationForm) error
	// EndCalibration lets one hold until a day; "" revokes it.
	EndCalibration(ctx context.Context, by Person, id, day string) error
	// ChooseBasis chooses which numbers the site compares by.
	ChooseBasis(ctx context.Context, by Person, basis string) error
	// Propose returns examinations of a machine for its acceptance test.
	Propose(ctx context.Context, machine string) (AcceptancePage, error)
	// SignTest signs a test and returns its id. Invalid: said to whoever typed it.
	SignTest(ctx context.Context, by Person, f AcceptanceForm) (string, error)
	// Test returns a signed test.
	Test(ctx context.Context, id string) (AcceptancePage, error)
}

// A QualityBoard is what is doubtful or missing.
type QualityBoard struct {
	From, To time.Time
	Basis    string
	Devices  []QualityLine
	Counts   []FlagCount
	Weeks    []QualityWeek // those below the threshold, the latest first
	AllWeeks int           // how many were looked at
	Least    float64       // share that a week needs
}

// A QualityLine is a device on the board.
type QualityLine struct {
	Machine, Name          string
	Room                   RoomRef
	Standing               Standing
	Examinations, Unmapped int
	Flags                  int
	Calibrations           int // that hold
	FirstDay, LastDay      time.Time
}

// A Standing says whether the numbers of a device were proved: accepted, limits,
// refused, none, software, reader, old.
type Standing struct {
	State  string
	Day    time.Time
	Test   string
	Limits []string
}

// Proved reports whether there is a test that holds.
func (s Standing) Proved() bool { return s.State == "accepted" || s.State == "limits" }

// A FlagCount is how many examinations of a device bear a flag, by month.
type FlagCount struct {
	Machine, Name, Flag string
	N                   int
	Months              []MonthCount
}

// A MonthCount is how many of a month, as 2006-01.
type MonthCount struct {
	Month string
	N     int
}

// A QualityWeek is a week of a room with too few doses.
type QualityWeek struct {
	Room          RoomRef
	Modality      string
	Monday        time.Time
	Studies, With int
	Share         float64
}

// A FlaggedDose is a study or examination that bears a flag.
type FlaggedDose struct {
	ID, Flag, Name string // Name is of the device
	At             time.Time
	N              int
	Value, Typical float64 // of an outlier
	Unit           string
}

// A QualityDevice is a machine with its history.
type QualityDevice struct {
	QualityLine
	Software     []SoftwareSeen
	Calibrations []CalibrationLine
	Tests        []TestLine
	Quantities   []string // that a calibration can be of
	Readings     int      // that a test needs
}

// A SoftwareSeen is a version that reports told of.
type SoftwareSeen struct {
	Version     string
	First, Last time.Time
}

// A CalibrationLine is a calibration.
type CalibrationLine struct {
	ID, Quantity, Factor, Uncertainty, Inside, Note, By string
	Calibrated, From, To, Revoked                       time.Time
}

// A CalibrationForm is what somebody typed about a calibration.
type CalibrationForm struct {
	Machine, Quantity, Factor, Uncertainty, Calibrated, From, To, Inside, Note string
}

// A TestLine is a signed test.
type TestLine struct {
	ID, Result, Name string
	Limits           []string
	Day              time.Time
}

// An AcceptancePage is a test to be made, or one that was signed.
type AcceptancePage struct {
	TestLine
	Machine, Device         string
	Room                    RoomRef
	Note, Software, Program string
	Reader, Wanted          int
	Examinations            []AcceptanceExamination
	Quantities              []string // that may be off
	Site                    string
}

// An AcceptanceExamination is an examination of a test.
type AcceptanceExamination struct {
	ID, Name, Types string // ID is "" in a signed test
	At              time.Time
	Readings        []AcceptanceReading
}

// An AcceptanceReading is what the console shows beside what the program has.
type AcceptanceReading struct {
	Quantity, Unit, Console, Own, Explained string
	Within                                  bool
}

// An AcceptanceForm is a test as somebody signs it.
type AcceptanceForm struct {
	Machine, Result, Name, Note string
	Limits, Examinations        []string
	Console, Explained          map[string]string // by the number of the examination, from 0, a dash and the quantity
}

const qualityAt = "/dose/quality"

func (s *server) qualityRoutes(g registrar) {
	if s.DoseQuality == nil {
		return
	}
	g.get(qualityAt, access.AggregateRead, s.qualityBoard)
	g.get(qualityAt+"/flagged", access.ExaminationRead, s.qualityFlagged)
	g.get(qualityAt+"/devices/{machine}", access.AggregateRead, s.qualityDevice)
	g.post(qualityAt+"/basis", access.Calibrate, s.qualityBasis)
	g.post(qualityAt+"/devices/{machine}/calibration", access.Calibrate, s.qualityCalibrate)
	g.post(qualityAt+"/devices/{machine}/calibration/end", access.Calibrate, s.qualityEnd)
	g.get(qualityAt+"/devices/{machine}/test", access.AcceptanceSign, s.qualityPropose)
	g.post(qualityAt+"/devices/{machine}/test", access.AcceptanceSign, s.qualitySign)
	g.get(qualityAt+"/tests/{id}", access.AggregateRead, s.qualityTest)
}

// deviceAt is the address of a device.
func deviceAt(machine string) string { return qualityAt + "/devices/" + url.PathEscape(machine) }

// flaggedAt is the address of what bears a flag.
func flaggedAt(flag, machine, month string) string {
	q := url.Values{}
	for k, v := range map[string]string{"flag": flag, "machine": machine, "month": month} {
		if v != "" {
			q.Set(k, v)
		}
	}
	return qualityAt + "/flagged?" + q.Encode()
}

// qualityBoard shows the board.
func (s *server) qualityBoard(v *visit) error {
	b, err := s.DoseQuality.Board(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{
		title: v.p.T("nav.quality_dose"), lead: v.p.T("quality.lead", lang.Args{"from": v.p.Date(b.From), "to": v.p.Date(b.To)}),
	}, qualityBoardBody(v, b))
}

// standingWords says in words how a device stands.
func (v *visit) standingWords(s Standing) string {
	words := v.p.T("standing." + s.State)
	if !s.Day.IsZero() {
		words += ", " + v.p.Date(s.Day)
	}
	if len(s.Limits) > 0 {
		words += ": " + v.quantities(s.Limits)
	}
	return words
}

// quantities lists quantities.
func (v *visit) quantities(all []string) string {
	names := make([]string, len(all))
	for i, q := range all {
		names[i] = v.readName(q)
	}
	return strings.Join(names, ", ")
}

// readName names a quantity of a calibration or test.
func (v *visit) readName(q string) string { return v.word("reading.", q) }

// flagName names a flag.
func (v *visit) flagName(flag string) string { return v.word("dosequality.", flag) }

// monthName names a month.
func (v *visit) monthName(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return v.p.Month(t)
}

// deviceTable lists the devices.
func (v *visit) deviceTable(b QualityBoard) face.Table {
	p := v.p
	t := face.Table{
		ID: "devices", Caption: p.T("quality.devices"), Empty: face.Nothing(p.T("quality.no_devices"), p.T("quality.no_devices_text")),
		Columns: []face.Column{
			{Label: p.T("quality.device"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("quality.standing"), Phone: face.Drawn},
			{Label: p.T("quality.examinations"), Numeric: true},
			{Label: p.T("quality.unmapped"), Numeric: true},
			{Label: p.T("quality.flags"), Numeric: true, Phone: face.Beside},
			{Label: p.T("quality.calibrated"), Numeric: true},
		},
	}
	for _, d := range b.Devices {
		share := ""
		if d.Examinations > 0 && d.Unmapped > 0 {
			share = p.Percent(float64(d.Unmapped) / float64(d.Examinations))
		}
		t.Rows = append(t.Rows, face.Row{ID: "device-" + d.Machine, Href: deviceAt(d.Machine), Cells: []templ.Component{
			face.Words(d.Name, d.Room.Name), face.Words(d.Room.Name, ""), standingTag(v, d.Standing), face.Words(p.Count(int64(d.Examinations)), ""),
			face.Words(p.Count(int64(d.Unmapped)), share), face.Words(p.Count(int64(d.Flags)), ""), face.Words(p.Count(int64(d.Calibrations)), ""),
		}})
	}
	return t
}

// flagTable lists the flags by device.
func (v *visit) flagTable(all []FlagCount) face.Table {
	p := v.p
	t := face.Table{
		ID: "flags", Caption: p.T("quality.doubtful"), Empty: face.Nothing(p.T("quality.no_flags"), p.T("quality.no_flags_text")),
		Columns: []face.Column{
			{Label: p.T("quality.flag"), Phone: face.Name},
			{Label: p.T("quality.device")},
			{Label: p.T("quality.count"), Numeric: true, Phone: face.Beside},
			{Label: p.T("quality.months")},
		},
	}
	for i, c := range all {
		t.Rows = append(t.Rows, face.Row{ID: "flag-" + strconv.Itoa(i), Href: flaggedAt(c.Flag, c.Machine, ""), Cells: []templ.Component{
			face.Words(v.flagName(c.Flag), c.Name), face.Words(c.Name, ""), face.Words(p.Count(int64(c.N)), ""), monthLinks(v, c),
		}})
	}
	return t
}

// weekTable lists the weeks with too few doses.
func (v *visit) weekTable(b QualityBoard) face.Table {
	p := v.p
	t := face.Table{
		ID: "weeks", Caption: p.T("quality.complete"),
		Empty: face.Nothing(p.T("quality.no_weeks"), p.T("quality.no_weeks_text", lang.Args{"n": b.AllWeeks, "least": p.Percent(b.Least)})),
		Columns: []face.Column{
			{Label: p.T("quality.week"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("quality.modality")},
			{Label: p.T("quality.studies"), Numeric: true},
			{Label: p.T("quality.with"), Numeric: true},
			{Label: p.T("quality.share"), Numeric: true, Phone: face.Beside},
		},
	}
	for i, w := range b.Weeks {
		t.Rows = append(t.Rows, face.Row{ID: "week-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(p.Date(w.Monday), w.Room.Name+" "+w.Modality), face.Words(orElse(w.Room.Name, "–"), ""), face.Words(w.Modality, ""),
			face.Words(p.Count(int64(w.Studies)), ""), face.Words(p.Count(int64(w.With)), ""), face.Words(p.Percent(w.Share), ""),
		}})
	}
	return t
}

// qualityFlagged lists what bears a flag.
func (s *server) qualityFlagged(v *visit) error {
	q := v.r.URL.Query()
	flag := q.Get("flag")
	all, err := s.DoseQuality.Flagged(v.r.Context(), flag, q.Get("machine"), q.Get("month"))
	if err != nil {
		return err
	}
	title := v.p.T("quality.doubtful")
	if flag != "" {
		title = v.flagName(flag)
	}
	lead := ""
	if v.p.Has("dosequality.why_" + flag) {
		lead = v.p.T("dosequality.why_" + flag)
	}
	return v.show(page{title: title, lead: lead, section: qualityAt, crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}}}, face.Rows(v.p, v.flaggedTable(all)))
}

// flaggedTable lists examinations.
func (v *visit) flaggedTable(all []FlaggedDose) face.Table {
	p := v.p
	t := face.Table{
		ID: "flagged", Caption: p.T("quality.doubtful"), Empty: face.Nothing(p.T("quality.no_flags"), p.T("quality.no_flags_text")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("quality.device")},
			{Label: p.T("quality.flag"), Phone: face.Drawn},
			{Label: p.T("quality.count"), Numeric: true, Phone: face.Beside},
		},
	}
	for i, f := range all {
		what := face.Words(v.flagName(f.Flag), "")
		if f.Typical > 0 {
			what = face.Words(p.Quantity(f.Value, f.Unit), p.T("quality.beside", lang.Args{"typical": p.Quantity(f.Typical, f.Unit)}))
		}
		t.Rows = append(t.Rows, face.Row{ID: "flagged-" + strconv.Itoa(i), Href: "/dose/examinations/" + f.ID, Cells: []templ.Component{
			face.Words(p.Date(v.local(f.At)), f.Name), face.Words(f.Name, ""), what, face.Words(p.Count(int64(f.N)), ""),
		}})
	}
	return t
}

// qualityDevice shows a device.
func (s *server) qualityDevice(v *visit) error { return v.showDevice(CalibrationForm{}, "") }

// showDevice shows a device with a form as it was filled in, and why it was refused.
func (v *visit) showDevice(f CalibrationForm, said string) error {
	d, err := v.DoseQuality.Device(v.r.Context(), v.r.PathValue("machine"))
	if err != nil {
		return err
	}
	pg := page{title: d.Name, lead: d.Room.Name, section: qualityAt, crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}}}
	if said != "" {
		pg.status = 400
	}
	return v.show(pg, qualityDeviceBody(v, d, f, said))
}

// qualityBasis chooses by which numbers the site compares.
func (s *server) qualityBasis(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.DoseQuality.ChooseBasis(v.r.Context(), v.who, v.field("basis")); err != nil {
		return err
	}
	return v.back(qualityAt, "basis_chosen")
}

// qualityCalibrate notes a calibration.
func (s *server) qualityCalibrate(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := CalibrationForm{
		Machine: v.r.PathValue("machine"), Quantity: v.field("quantity"), Factor: v.field("factor"), Uncertainty: v.field("uncertainty"),
		Calibrated: v.field("calibrated"), From: v.field("from"), To: v.field("to"), Inside: v.field("inside"), Note: v.field("note"),
	}
	err := s.DoseQuality.Calibrate(v.r.Context(), v.who, f)
	if why := said(err); why != "" {
		return v.showDevice(f, why)
	}
	if err != nil {
		return err
	}
	return v.back(deviceAt(f.Machine), "calibrated")
}

// qualityEnd ends or revokes a calibration.
func (s *server) qualityEnd(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	last := v.field("last")
	if v.field("do") == "revoke" {
		last = ""
	} else if last == "" {
		return v.showDevice(CalibrationForm{}, v.p.T("quality.last_day"))
	}
	err := s.DoseQuality.EndCalibration(v.r.Context(), v.who, v.field("id"), last)
	if why := said(err); why != "" {
		return v.showDevice(CalibrationForm{}, why)
	}
	if err != nil {
		return err
	}
	return v.back(deviceAt(v.r.PathValue("machine")), "calibrated")
}

// qualityPropose shows an acceptance test to be made.
func (s *server) qualityPropose(v *visit) error { return v.showAcceptance(AcceptanceForm{}, "") }

// showAcceptance shows a test as far as it was filled in, and why it was refused.
func (v *visit) showAcceptance(f AcceptanceForm, said string) error {
	a, err := v.DoseQuality.Propose(v.r.Context(), v.r.PathValue("machine"))
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("quality.test"), lead: a.Device, section: qualityAt,
		crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}, {a.Device, deviceAt(a.Machine)}},
	}
	if said != "" {
		pg.status = 400
	}
	return v.show(pg, acceptanceForm(v, a, f, said))
}

// readingField is the name of a field of the form.
func readingField(kind string, examination int, quantity string) string {
	return fmt.Sprintf("%s-%d-%s", kind, examination, quantity)
}

// qualitySign signs a test.
func (s *server) qualitySign(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := AcceptanceForm{
		Machine: v.r.PathValue("machine"), Result: v.field("result"), Name: v.field("name"), Note: v.field("note"),
		Limits: v.r.PostForm["limit"], Examinations: v.r.PostForm["examination"], Console: map[string]string{}, Explained: map[string]string{},
	}
	for name, values := range v.r.PostForm {
		if rest, ok := strings.CutPrefix(name, "console-"); ok {
			f.Console[rest] = strings.TrimSpace(values[0])
		}
		if rest, ok := strings.CutPrefix(name, "why-"); ok {
			f.Explained[rest] = strings.TrimSpace(values[0])
		}
	}
	id, err := s.DoseQuality.SignTest(v.r.Context(), v.who, f)
	if why := said(err); why != "" {
		return v.showAcceptance(f, why)
	}
	if err != nil {
		return err
	}
	return v.back(qualityAt+"/tests/"+id, "test_signed")
}

// qualityTest shows a signed test, as one page to print.
func (s *server) qualityTest(v *visit) error {
	a, err := s.DoseQuality.Test(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.show(page{
		title: v.p.T("quality.test"), lead: a.Device, section: qualityAt,
		crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}, {a.Device, deviceAt(a.Machine)}},
	}, acceptanceSigned(v, a))
}

// testFacts are the head of a signed test.
func (v *visit) testFacts(a AcceptancePage) []face.Fact {
	p := v.p
	result := p.T("standing." + a.Result)
	if len(a.Limits) > 0 {
		result += ": " + v.quantities(a.Limits)
	}
	facts := []face.Fact{
		{Label: p.T("quality.result"), Value: result},
		{Label: p.T("quality.device"), Value: a.Device, Origin: a.Room.Name},
		{Label: p.T("quality.software"), Value: orElse(a.Software, "–")},
		{Label: p.T("quality.program"), Value: a.Program, Origin: p.T("quality.reader", lang.Args{"version": strconv.Itoa(a.Reader)})},
		{Label: p.T("quality.signed"), Value: a.Name, Origin: p.Date(a.Day)},
	}
	if a.Note != "" {
		facts = append(facts, face.Fact{Label: p.T("quality.note"), Value: a.Note})
	}
	return facts
}

// quantityChoices are the quantities that a calibration can be of.
func (v *visit) quantityChoices(all []string) []face.Choice {
	choices := make([]face.Choice, len(all))
	for i, q := range all {
		choices[i] = face.Choice{Code: q, Label: v.readName(q)}
	}
	return choices
}

// calibrationWords says when a calibration holds, and who entered it.
func (v *visit) calibrationWords(c CalibrationLine) string {
	p := v.p
	words := p.T("quality.holds_from", lang.Args{"from": p.Date(c.From)})
	if !c.To.IsZero() {
		words = p.T("quality.holds", lang.Args{"from": p.Date(c.From), "to": p.Date(c.To)})
	}
	words += " " + p.T("quality.entered", lang.Args{"day": p.Date(c.Calibrated), "by": c.By}) + " " + p.T("inside."+c.Inside) + "."
	return strings.TrimSpace(words + " " + c.Note)
}

// readingLabel names what is compared, with its unit.
func (v *visit) readingLabel(r AcceptanceReading) string {
	if r.Unit == "" || r.Unit == "1" {
		return v.readName(r.Quantity)
	}
	return v.readName(r.Quantity) + " (" + v.p.Unit(r.Unit) + ")"
}

// typeWords names types of acquisitions.
func (v *visit) typeWords(types string) string {
	all := strings.Fields(types)
	for i, t := range all {
		all[i] = v.word("acquisition.", t)
	}
	return orElse(strings.Join(all, ", "), "–")
}

// differenceWords says whether console and program agree.
func (v *visit) differenceWords(r AcceptanceReading) string {
	switch {
	case r.Within:
		return v.p.T("quality.agrees")
	case r.Explained != "":
		return v.p.T("quality.differs") + ": " + r.Explained
	}
	return v.p.T("quality.differs")
}
