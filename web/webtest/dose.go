package webtest

import (
	"context"
	"io"
	"math"
	"strings"
	"time"

	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// A room is what the pages of doses have in common: they are filled from the made-up
// installation, empty, or broken.
type room struct{ *World }

// answer returns what a page gets: full of one that has data, the zero value of an
// empty one, the error of a broken one.
func answer[T any](r room, full T) (T, error) {
	var none T
	switch {
	case r.Broken:
		return none, fault.Errorf(fault.Unavailable, "the made-up doses are away")
	case r.Empty:
		return none, nil
	}
	return full, nil
}

// done is the outcome of a change.
func (r room) done() error {
	_, err := answer(r, 0)
	return err
}

// months are the months of the made-up courses.
func months(from time.Time, value float64) (all []face.Point) {
	for m := range 12 {
		v := value * (0.96 + 0.012*float64(m))
		all = append(all, face.Point{Month: from.AddDate(0, m, 0), N: 20 + m, Value: v, Low: v * 0.95, High: v * 1.05})
	}
	return all
}

// A chartRoom has the charts of the made-up examinations.
type chartRoom struct{ room }

// Charts implements web.Charts.
func (c chartRoom) Charts(ctx context.Context, q web.DoseQuery, ask web.ChartQuery) (web.ChartsPage, error) {
	pg := web.ChartsPage{Kind: ask.Kind, By: ask.By}
	if _, err := answer(c.room, 0); err != nil {
		return pg, err
	}
	d, err := c.Page(ctx, q)
	if err != nil || c.Empty {
		return web.ChartsPage{DosePage: d, Kind: ask.Kind, By: ask.By}, err
	}
	pg.DosePage, pg.X, pg.XUnit, pg.Left, pg.Untimed = d, "weight", "kg", 2, 3
	for i, r := range d.Charts.Rooms {
		part := web.ChartPart{DoseCourse: r, Values: r.Points, Bins: []face.Bin{{From: r.P05, To: r.Median, Count: r.N / 2}, {From: r.Median, To: r.P95, Count: r.N - r.N/2}}}
		for k, y := range r.Points {
			part.Dots = append(part.Dots, face.Dot{X: 40 + float64((k*7+i)%60), Y: y})
		}
		part.Bands = []face.Band{{From: 40, To: 60, N: r.N, Q1: r.Q1, Median: r.Median, Q3: r.Q3}}
		pg.Parts = append(pg.Parts, part)
		pg.Drawn += r.N
	}
	for day := range pg.Week {
		for hour := range 24 {
			pg.Week[day][hour] = max(0, 12-int(math.Abs(float64(hour-11)))-day)
		}
	}
	return pg, nil
}

// A levelBook has a set of each kind.
type levelBook struct{ room }

// levelSets are the made-up sets.
func levelSets() []web.LevelSetLine {
	return []web.LevelSetLine{
		{ID: "example-levels-2030", Title: "Example levels", Edition: "2030", Kind: "built_in", State: "built_in", Rows: 5, Checked: 5, Governs: true, Demonstration: true},
		{ID: "s-draft", Title: "Example notice", Edition: "2031", Kind: "notice", State: "draft", Rows: 2, Checked: 1},
		{ID: "s-local", Title: "Example local levels", Edition: "2029", Kind: "local", State: "usable", Rows: 3, Checked: 3, ReviewDue: Now().AddDate(0, -2, 0), Overdue: true},
		{ID: "s-old", Title: "Example typical values", Edition: "2024", Kind: "typical", State: "superseded", Rows: 3, Checked: 3},
	}
}

// Levels implements web.Levels.
func (b levelBook) Levels(context.Context, string) (web.LevelsPage, error) {
	return answer(b.room, web.LevelsPage{Sets: levelSets(), Started: true})
}

// LevelSet implements web.Levels.
func (b levelBook) LevelSet(_ context.Context, _ web.Person, language, id string, q web.LevelQuestion) (pg web.LevelSetPage, err error) {
	if _, err := answer(b.room, 0); err != nil {
		return pg, err
	}
	for _, s := range levelSets() {
		if s.ID == id && !b.Empty {
			pg.LevelSetLine = s
		}
	}
	if pg.ID == "" {
		return pg, fault.Errorf(fault.NotFound, "no set %q", id)
	}
	pg.Head = web.LevelHead{Name: id, Title: pg.Title, Authority: "Example authority", Country: "XX", Year: "2031", Edition: pg.Edition, Source: "no source: made up", Page: "3", Statistic: "p75"}
	pg.TypedBy, pg.TypedAt, pg.Mine = "Person Two", Now().AddDate(0, 0, -3), id == "s-local"
	pg.Lines = []web.LevelLine{
		{ID: "row1", Exam: groups[0].exam(language).Label, Group: "adult", Quantity: "DLP", Stated: "500 mGy·cm", Phantom: "32 cm", Page: "3", MinN: "20", TypedBy: "Person Two", CheckedBy: "Person One", Verdict: "same", CheckedAt: Now().AddDate(0, 0, -1)},
		{ID: "row2", Exam: groups[1].exam(language).Label, Indication: "example", Group: "adult", Quantity: "CTDIvol", Stated: "10 mGy", Role: "guide", TypedBy: "Person Two", CheckedBy: "Person One", Verdict: "differs", Remark: "12 on the page", Warning: "phantom", Cells: map[string]string{"value": "10"}},
		{ID: "row3", Exam: groups[2].exam(language).Label, Group: "5 to 15 kg", Quantity: "DLP", Stated: "90 mGy·cm", Warning: "size", TypedBy: "Person One", Mine: true},
	}
	pg.Decisions = []web.Decision{{ID: "d1", From: Now().AddDate(-1, 0, 0), By: "Person Two"}}
	pg.Exams = []face.Choice{groups[0].exam(language)}
	pg.AllExams, pg.Quantities = pg.Exams, []face.Choice{{Code: "dlp", Label: "DLP"}}
	if q.From != "" {
		pg.If = &web.LevelIf{LevelQuestion: q, Changes: []web.LevelIfRow{{
			Room: roomRefs[0].Name, Exam: groups[0].exam(language).Label, Quantity: "dlp", Unit: "mGy.cm", N: 40, Median: 480,
			OldState: state(language, "above_certain"), NewState: state(language, "at_or_below"), OldLevel: "400", NewLevel: "500",
		}}}
	}
	return pg, nil
}

// Enter implements web.Levels. A table whose first cell is "wrong" is refused.
func (b levelBook) Enter(_ context.Context, _ web.Person, head web.LevelHead, table string) (string, []web.LevelRefused, error) {
	if head.Name == "" {
		return "", nil, fault.Errorf(fault.Invalid, "a set has a name")
	}
	return "s-draft", refusedOf(table), b.done()
}

// refusedOf refuses the second line of a table that says so.
func refusedOf(table string) []web.LevelRefused {
	if strings.Contains(table, "wrong") {
		return []web.LevelRefused{{Line: 2, Column: "value", Code: "number", Args: []string{"wrong"}}}
	}
	return nil
}

// Add implements web.Levels.
func (b levelBook) Add(_ context.Context, _ web.Person, _, table string) (int, []web.LevelRefused, error) {
	return 1, refusedOf(table), b.done()
}

// Type implements web.Levels.
func (b levelBook) Type(_ context.Context, _ web.Person, _, _ string, cells map[string]string) ([]web.LevelRefused, error) {
	return refusedOf(cells["value"]), b.done()
}

// Remove implements web.Levels.
func (b levelBook) Remove(context.Context, web.Person, string, string) error { return b.done() }

// Compare implements web.Levels. Nobody checks what they typed.
func (b levelBook) Compare(_ context.Context, _ web.Person, _, row, _ string, _ bool, _ string) error {
	if row == "row3" {
		return fault.Errorf(fault.Forbidden, "whoever typed a row does not check it")
	}
	return b.done()
}

// Release implements web.Levels.
func (b levelBook) Release(context.Context, web.Person, string) error { return b.done() }

// EndSet implements web.Levels.
func (b levelBook) EndSet(context.Context, web.Person, string, string, string) error {
	return b.done()
}

// Replace implements web.Levels.
func (b levelBook) Replace(context.Context, web.Person, string, web.LevelQuestion) error {
	return b.done()
}

// Proposal implements web.Levels.
func (b levelBook) Proposal(_ context.Context, language string) (web.LevelProposal, error) {
	return answer(b.room, web.LevelProposal{From: Now().AddDate(-1, 0, 0), To: Now(), Rooms: 3, Share: 0.75, Rows: []web.LevelProposed{
		{Exam: groups[0].exam(language).Label, Quantity: "dlp", Unit: "mGy.cm", Kind: "local", Value: 480, Low: 450, High: 510, Interval: true, N: 338, Rooms: 3, Enough: 20, Detail: "CT 1, CT 2, CT 3"},
		{Exam: groups[1].exam(language).Label, Quantity: "dlp", Unit: "mGy.cm", Kind: "typical", Value: 300, N: 341, Rooms: 1, Enough: 20},
		{Exam: groups[2].exam(language).Label, Quantity: "dlp", Unit: "mGy.cm", Value: 700, N: 8, Rooms: 1, Enough: 20, Assumed: 2},
	}})
}

// Propose implements web.Levels.
func (b levelBook) Propose(context.Context, web.Person, string, string) (string, error) {
	return "s-draft", b.done()
}

// File implements web.Levels.
func (b levelBook) File(_ context.Context, id, as string) (name, mediaType string, data []byte, err error) {
	return id + "." + as, "text/tab-separated-values", []byte("exam_code\tvalue\n"), b.done()
}

// A reviewDesk has one case of each kind.
type reviewDesk struct{ room }

// caseLines are the made-up cases.
func caseLines(language string) []web.CaseLine {
	exam := groups[0].exam(language).Label
	return []web.CaseLine{
		{Number: 1, Room: roomRefs[0], Exam: exam, Rule: "EXAMPLE_DLP", Quantity: "dlp", Ratio: 2.4, State: "open", Opened: Now().AddDate(0, 0, -1), Day: Now().AddDate(0, 0, -2)},
		{Number: 2, Room: roomRefs[1], Exam: exam, Rule: "EXAMPLE_RP", Quantity: "rp", Ratio: 1.3, State: "assigned", Owner: "Person One", Opened: Now().AddDate(0, 0, -9), Day: Now().AddDate(0, 0, -9), First: true},
		{Number: 3, Room: roomRefs[2], Rule: "EXAMPLE_DLP", Quantity: "dlp", Ratio: 1.1, State: "closed", Reason: "justified", Opened: Now().AddDate(0, -1, 0)},
		{Number: 4, Room: roomRefs[2], Rule: "EXAMPLE_DLP", Quantity: "dlp", Ratio: 1.2, State: "closed", Withdrawn: true, Opened: Now().AddDate(0, -1, 0)},
	}
}

// caseNumber is how the made-up case stands beside its rule.
var caseNumber = web.CaseNumber{Rule: "EXAMPLE_DLP", Quantity: "dlp", Aggregation: "sum_events", Value: 1200, Trigger: 500, Ratio: 2.4, Unit: "mGy.cm", Status: "ready", Over: true, Opens: true}

// Cases implements web.Review.
func (d reviewDesk) Cases(_ context.Context, language string, _ web.CaseQuery) (web.CasesPage, error) {
	all := caseLines(language)
	return answer(d.room, web.CasesPage{
		Cases: all, Later: 4, Bulk: []web.CaseGroup{{Rule: "EXAMPLE_DLP", Room: roomRefs[0], Usual: []string{"large patient"}, Cases: all[:1]}},
		Lines:   []web.EarlyLine{{Examination: "e1-0", Room: roomRefs[0], Day: Now().AddDate(0, 0, -2), Result: caseNumber}},
		Reports: []web.CaseReport{{Rule: "EXAMPLE_DLP", Cases: 31, Open: 2, Justified: 28, With: 1, Prove: 1, Wait: 36 * time.Hour, TooOften: true, Proposed: 650}},
	})
}

// Case implements web.Review.
func (d reviewDesk) Case(_ context.Context, language string, number int64) (web.CasePage, error) {
	weight := 96.0
	for _, c := range caseLines(language) {
		if c.Number == number && !d.Empty {
			return answer(d.room, web.CasePage{
				CaseLine: c, Version: 1, Examination: "e1-0", Weight: &weight, Region: "", Numbers: []web.CaseNumber{caseNumber}, Set: "EXAMPLE", Source: "no source: made up",
				Incomplete: true, Substantial: c.First, People: []face.Choice{{Code: "p1", Label: "Person One"}}, Usual: []string{"large patient"},
				History: []web.CaseStep{{At: Now().AddDate(0, 0, -1), Who: "Person One", Step: "assigned"}}, Same: caseLines(language)[2:3],
				Actions: []web.CaseAction{
					{ID: "a1", Kind: "training", Text: "example", Owner: "Person One", Due: "2031-04-01"},
					{ID: "a2", Kind: "protocol_change", Text: "lower the current", Owner: "Person One", Done: "2031-03-01", Result: "done on both tubes"},
				},
				Earlier:   caseLines(language)[1:2],
				Corrected: []web.CaseAmount{{Quantity: "dlp", Unit: "mGy.cm", Factor: "1.05", Reported: 400, Corrected: 420}},
				Images:    []web.StudySeries{{Number: "2", Modality: "CT", Preview: "/dicom-web/studies/1.2/series/1.2.1/thumbnail?viewport=96,96&instead=picture"}},
				Versions:  []web.CaseVersion{{ID: "p1", Protocol: "Head", Number: 2, Since: Now().AddDate(0, -2, 0)}},
				CheckFrom: "2031-03-20", CheckTo: "2031-03-27",
				Effect: &web.CaseEffect{Quantity: "dlp", Ratio: 0.82, Low: 0.75, High: 0.9, Interval: true, Before: 60, After: 41},
			})
		}
	}
	if err := d.done(); err != nil {
		return web.CasePage{}, err
	}
	return web.CasePage{}, fault.Errorf(fault.NotFound, "no case %d", number)
}

// Decide implements web.Review.
func (d reviewDesk) Decide(context.Context, web.CaseDecision) error { return d.done() }

// Check implements web.Review.
func (d reviewDesk) Check(context.Context, int64, web.CaseCheck) error { return d.done() }

// Done implements web.Review.
func (d reviewDesk) Done(context.Context, int64, string, string, string) error { return d.done() }

// Report implements web.Review.
func (d reviewDesk) Report(_ context.Context, w io.Writer) error {
	if err := d.done(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "rule,cases\nEXAMPLE_DLP,1\n")
	return err
}

// Snooze implements web.Review.
func (d reviewDesk) Snooze(context.Context, int64, string, string) error { return d.done() }

// Justify implements web.Review.
func (d reviewDesk) Justify(context.Context, []int64, string) (string, error) { return "b1", d.done() }

// Undo implements web.Review.
func (d reviewDesk) Undo(context.Context, string) error { return d.done() }

// Rules implements web.Review.
func (d reviewDesk) Rules(context.Context) ([]web.CaseRule, []web.CumulativeCount, error) {
	rules, err := answer(d.room, []web.CaseRule{
		{ID: "EXAMPLE_DLP", Set: "EXAMPLE", Quantity: "dlp", Aggregation: "sum_events", Meaning: "a made-up rule", Status: "ready", Source: "no source: made up", Unit: "mGy.cm", Value: 500},
		{ID: "EXAMPLE_LAW", Set: "EXAMPLE", Quantity: "rp", Aggregation: "sum_events", Meaning: "a made-up duty", Status: "to_type_in", Source: "no source: made up", Legal: true},
	})
	return rules, []web.CumulativeCount{{Rule: "EXAMPLE_YEARS", Years: 5, Persons: 812, Above: 7, Examinations: 1409, Estimated: 1377}}, err
}

// Drift implements web.Review.
func (d reviewDesk) Drift(_ context.Context, language, machine, _, _ string) (web.DriftPage, error) {
	pg := web.DriftPage{Watched: []web.DriftLine{
		{Machine: "m1", Exam: groups[0].code, Quantity: "dlp", Label: groups[0].exam(language).Label, Room: roomRefs[0], N: 184},
		{Machine: "m2", Exam: groups[0].code, Quantity: "dlp", Label: groups[0].exam(language).Label, Room: roomRefs[1], N: 12},
	}}
	from := time.Date(2030, time.March, 1, 0, 0, 0, 0, zone)
	switch machine {
	case "m1":
		pg.Open, pg.Enough, pg.Since = &pg.Watched[0], true, Now().AddDate(0, -3, 0)
		pg.Trend = face.Trend{
			Chart: face.Chart{ID: "drift", Title: "Example"}, Quantity: "DLP", Unit: "mGy.cm", From: from, Months: 12,
			Series: []face.Series{{Label: "CT 1", Points: months(from, 500)}}, Limits: &face.Limits{Low: 470, High: 530, Name: "limits"},
		}
	case "m2":
		pg.Open = &pg.Watched[1]
	}
	return answer(d.room, pg)
}

// A qualityDesk has a device with everything that can be doubtful.
type qualityDesk struct{ room }

// qualityLine is the made-up device.
var qualityLine = web.QualityLine{
	Machine: "m1", Name: "Example scanner with a name that is rather long", Room: roomRefs[0], Standing: web.Standing{State: "limits", Day: Now().AddDate(0, -2, 0), Test: "t1", Limits: []string{"dlp"}},
	Examinations: 341, Unmapped: 12, Flags: 2, Calibrations: 1, FirstDay: Now().AddDate(-1, 0, 0), LastDay: Now(),
}

// acceptance is the made-up test.
func acceptance() web.AcceptancePage {
	return web.AcceptancePage{
		TestLine: web.TestLine{ID: "t1", Result: "limits", Name: "Person One", Limits: []string{"dlp"}, Day: Now().AddDate(0, -2, 0)}, Machine: "m1", Device: "Example scanner", Room: roomRefs[0],
		Note: "made up", Software: "1.0", Program: "0.0.0-test", Reader: 1, Wanted: 2, Quantities: []string{"dlp", "ctdivol"}, Site: "Example site",
		Examinations: []web.AcceptanceExamination{{ID: "e1-0", Name: "Example head", Types: "helical", At: Now(), Readings: []web.AcceptanceReading{
			{Quantity: "dlp", Unit: "mGy.cm", Own: "512", Console: "512.3", Within: true}, {Quantity: "ctdivol", Unit: "mGy", Own: "11.2", Console: "12.9", Explained: "made up"},
		}}},
	}
}

// Board implements web.DoseQuality.
func (d qualityDesk) Board(context.Context) (web.QualityBoard, error) {
	if d.Empty && !d.Broken {
		return web.QualityBoard{From: Now().AddDate(-1, 0, 0), To: Now(), Basis: "reported", Least: 0.9}, nil
	}
	other := qualityLine
	other.Machine, other.Name, other.Standing = "m2", "Example two", web.Standing{State: "none"}
	return answer(d.room, web.QualityBoard{
		From: Now().AddDate(-1, 0, 0), To: Now(), Basis: "corrected", Devices: []web.QualityLine{qualityLine, other}, AllWeeks: 52, Least: 0.9,
		Counts: []web.FlagCount{{Machine: "m1", Name: "Example scanner", Flag: "method_mixed", N: 3, Months: []web.MonthCount{{Month: "2031-02", N: 3}}}},
		Weeks:  []web.QualityWeek{{Room: roomRefs[1], Modality: "CT", Monday: Now().AddDate(0, 0, -9), Studies: 20, With: 11, Share: 0.55}},
	})
}

// Flagged implements web.DoseQuality.
func (d qualityDesk) Flagged(context.Context, string, string, string) ([]web.FlaggedDose, error) {
	return answer(d.room, []web.FlaggedDose{{ID: "e1-0", Flag: "method_mixed", Name: "Example scanner", At: Now(), N: 1, Value: 900, Typical: 400, Unit: "mGy.cm"}})
}

// Device implements web.DoseQuality.
func (d qualityDesk) Device(_ context.Context, machine string) (web.QualityDevice, error) {
	if d.Empty || machine != "m1" {
		return web.QualityDevice{}, fault.Errorf(fault.NotFound, "no machine %q", machine)
	}
	return answer(d.room, web.QualityDevice{
		QualityLine: qualityLine, Software: []web.SoftwareSeen{{Version: "1.0", First: Now().AddDate(-1, 0, 0), Last: Now()}}, Quantities: []string{"dlp"}, Readings: 5,
		Calibrations: []web.CalibrationLine{{ID: "c1", Quantity: "dlp", Factor: "1.02", Uncertainty: "5", Inside: "not_applied", By: "Person One", Calibrated: Now().AddDate(0, -6, 0), From: Now().AddDate(0, -6, 0)}},
		Tests:        []web.TestLine{acceptance().TestLine},
	})
}

// Calibrate implements web.DoseQuality.
func (d qualityDesk) Calibrate(context.Context, web.Person, web.CalibrationForm) error {
	return d.done()
}

// EndCalibration implements web.DoseQuality.
func (d qualityDesk) EndCalibration(context.Context, web.Person, string, string) error {
	return d.done()
}

// ChooseBasis implements web.DoseQuality.
func (d qualityDesk) ChooseBasis(context.Context, web.Person, string) error { return d.done() }

// Propose implements web.DoseQuality.
func (d qualityDesk) Propose(context.Context, string) (web.AcceptancePage, error) {
	if d.Empty && !d.Broken {
		return web.AcceptancePage{Machine: "m1", Device: "Example scanner", Wanted: 2}, nil
	}
	return answer(d.room, acceptance())
}

// SignTest implements web.DoseQuality.
func (d qualityDesk) SignTest(context.Context, web.Person, web.AcceptanceForm) (string, error) {
	return "t1", d.done()
}

// Test implements web.DoseQuality.
func (d qualityDesk) Test(context.Context, string) (web.AcceptancePage, error) {
	if d.Empty && !d.Broken {
		return web.AcceptancePage{}, fault.Errorf(fault.NotFound, "no such test")
	}
	return answer(d.room, acceptance())
}

// A protocolDesk has a protocol with two versions.
type protocolDesk struct{ room }

// protocols are the made-up protocols.
func protocols() []web.ScanProtocol {
	effect := &web.ProtocolEffect{Quantity: "dlp", Unit: "mGy.cm", A: 500, B: 420, NA: 60, NB: 41, Ratio: 0.84, Low: 0.77, High: 0.92, Interval: true, Certain: true}
	return []web.ScanProtocol{
		{ID: "pr1", Room: roomRefs[0], Name: "Example head", Type: "helical", Modality: "CT", First: "2030-03-12", Last: "2031-03-11", N: 101, Summary: "120 kV", Versions: []web.ProtocolVersion{
			{Number: 2, First: "2030-10-01", Last: "2031-03-11", N: 41, Changed: []web.ProtocolChange{{Label: "kV", From: "120", To: "100"}}, Effect: effect}, {Number: 1, First: "2030-03-12", Last: "2030-09-30", N: 60},
		}},
		{ID: "pr2", Room: roomRefs[1], Modality: "CT", First: "2030-03-12", Last: "2031-03-11", N: 8},
	}
}

// Protocols implements web.Protocols.
func (d protocolDesk) Protocols(context.Context, string) ([]web.ScanProtocol, error) {
	return answer(d.room, protocols())
}

// Protocol implements web.Protocols.
func (d protocolDesk) Protocol(_ context.Context, id, _ string) (web.ScanProtocol, error) {
	if d.Empty || id != "pr1" {
		return web.ScanProtocol{}, fault.Errorf(fault.NotFound, "no protocol %q", id)
	}
	return answer(d.room, protocols()[0])
}

// CompareProtocols implements web.Protocols.
func (d protocolDesk) CompareProtocols(_ context.Context, a, b web.ProtocolSide, _ string) (web.ProtocolComparison, error) {
	return answer(d.room, web.ProtocolComparison{
		A: a, B: b, NameA: "CT 1 Example head", NameB: "CT 2 Example head", NA: 60, NB: 41, Effects: []web.ProtocolEffect{*protocols()[0].Versions[0].Effect},
		Rows: []web.ProtocolRow{{Label: "kV", A: "120", B: "100", Differ: true}, {Label: "pitch", A: "1", B: "1"}}, Choices: []face.Choice{{Code: "pr1", Label: "CT 1 Example head"}, {Code: "pr2", Label: "CT 2 Example head"}},
	})
}

// ProtocolFile implements web.Protocols.
func (d protocolDesk) ProtocolFile(_ context.Context, w io.Writer, _ string, f web.ProtocolExport) error {
	_, err := answer(d.room, 0)
	if err == nil {
		_, err = io.WriteString(w, "layout,"+f.Part+","+f.A.ID+","+f.B.ID)
	}
	return err
}

// ProposeProtocol implements web.Protocols.
func (d protocolDesk) ProposeProtocol(_ context.Context, _, _ web.ProtocolSide, why, _ string) error {
	if why == "" {
		return fault.Errorf(fault.Invalid, "nothing says why")
	}
	return d.done()
}

// DoseChecks implements web.Protocols.
func (d protocolDesk) DoseChecks(context.Context) ([]web.DoseCheckRoom, error) {
	group := web.DoseCheckGroup{Protocol: "Example head", Kind: "alert", Quantity: "ctdivol", State: "configured", Values: "1000", Exceeded: 2, NoReason: 1, Odd: true}
	return answer(d.room, []web.DoseCheckRoom{{
		Room: roomRefs[0], Examinations: 341, Exceeding: 2, PerThousand: 5.9, Whole: []web.DoseCheckGroup{group}, Protocols: []web.DoseCheckGroup{group},
		Exceedances: []web.DoseExceedance{{Study: "1.2.3", Day: "2031-03-01", Protocol: "Example head", Kind: "alert", Quantity: "ctdivol", Unit: "mGy", Value: 1000, Estimate: 1200}},
	}})
}

// An entryDesk has an entry, and an import of each standing.
type entryDesk struct{ room }

// batches are the made-up imports.
func batches() []web.EntryBatch {
	return []web.EntryBatch{
		{ID: "b1", Product: "openrem", Release: "1.0", By: "Person One", Digest: strings.Repeat("0", 64), Taken: 300, Left: 2, At: Now().AddDate(0, 0, -3)},
		{ID: "b2", By: "Person Two", Taken: 12, At: Now().AddDate(0, -1, 0), SignedBy: "Person One", SignedAt: Now().AddDate(0, 0, -20)},
		{ID: "b3", By: "Person Two", Taken: 9, At: Now().AddDate(0, -2, 0), Undone: true},
	}
}

// Entry implements web.Entry.
func (d entryDesk) Entry(_ context.Context, language, id string) (web.EntryPage, error) {
	pg := web.EntryPage{
		Machines: []face.Choice{{Code: "m1", Label: "CT 1"}}, Exams: []face.Choice{groups[0].exam(language)}, Quantities: []face.Choice{{Code: "dap"}, {Code: "dlp"}}, Units: []face.Choice{{Code: "cGy.cm2", Label: "cGy.cm2"}},
		Batches: batches(), Correct: id,
		Entries: []web.EntryLine{
			{ID: "n1", Day: "2031-03-01", Room: "CT 1", Exam: groups[0].exam(language).Label, Values: "7.5 cGy.cm2", By: "Person One", Study: "1.2.3", Methods: []string{"console"}, At: Now(), Version: 2},
			{ID: "n2", Day: "2031-03-02", Room: "CT 1", Values: "7.5 cGy.cm2", By: "Person One", Methods: []string{"table_value"}, At: Now(), Version: 1, Withdrawn: true},
			{ID: "n3", Day: "2031-03-03", Room: "CT 1", Values: "7.5 cGy.cm2", By: "Person One", Methods: []string{"dap_meter"}, At: Now(), Version: 1, Replaced: true},
		},
	}
	return answer(d.room, pg)
}

// EnterDose implements web.Entry. A machine called "wrong" is refused.
func (d entryDesk) EnterDose(_ context.Context, _ web.Person, _, _ string, f web.EntryForm) ([]web.EntryWrong, error) {
	if f.Machine == "wrong" {
		return []web.EntryWrong{{Column: "machine", Rule: "machine"}}, nil
	}
	return nil, d.done()
}

// WithdrawDose implements web.Entry.
func (d entryDesk) WithdrawDose(context.Context, web.Person, string, string) error { return d.done() }

// ImportDoses implements web.Entry.
func (d entryDesk) ImportDoses(context.Context, web.Person, []byte, string, string, string, string, bool) (web.EntryTrial, error) {
	return answer(d.room, web.EntryTrial{Rows: 3, Taken: 2, Wrong: []web.EntryWrong{{Line: 2, Column: "day", Rule: "day"}}})
}

// UndoImport implements web.Entry.
func (d entryDesk) UndoImport(context.Context, web.Person, string) error { return d.done() }

// Reconciliation implements web.Entry.
func (d entryDesk) Reconciliation(context.Context, string) (web.EntryAccount, error) {
	if d.Empty {
		return web.EntryAccount{}, fault.Errorf(fault.NotFound, "no such import")
	}
	return answer(d.room, web.EntryAccount{
		EntryBatch: batches()[0], Pending: 1, Lines: []web.EntryAccountLine{{Room: "CT 1", Year: "2030", Theirs: "300", Ours: "299", Difference: "-1", Replaced: 1, Differs: true}},
		Left: []web.EntryLeft{{EntryWrong: web.EntryWrong{Line: 2, Column: "day", Rule: "day"}, Called: "CT 1", Year: "2030"}},
	})
}

// SignImport implements web.Entry.
func (d entryDesk) SignImport(context.Context, web.Person, string) error { return d.done() }

// ReconciliationFile implements web.Entry.
func (d entryDesk) ReconciliationFile(_ context.Context, w io.Writer, _ string) error {
	if err := d.done(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "room,year\n")
	return err
}
