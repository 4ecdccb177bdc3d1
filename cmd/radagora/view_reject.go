package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/dose/reject"
	"radagora/export"
	"radagora/fault"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A rejectView tells of rejected exposures and of the exposure of detectors.
type rejectView struct{ *view }

// period is the last months at the site.
func (v rejectView) period(ctx context.Context, months int) (dose.Period, error) {
	here, err := v.Sites.Site(ctx, at)
	return dose.Last(cmp.Or(months, 12), v.Now().In(here.Location())), err
}

// reasonLabels names the reasons of the content.
func (v rejectView) reasonLabels(language string) (labels map[string]string, choices []face.Choice, draft bool, err error) {
	all, err := v.house.Rejects.Reasons(at)
	labels = map[string]string{}
	for _, r := range all {
		labels[r.Code] = cmp.Or(r.Labels[language], r.Labels["en"])
		choices = append(choices, face.Choice{Code: r.Code, Label: labels[r.Code]})
		draft = draft || r.Status == "to_confirm"
	}
	return labels, choices, draft, err
}

// rateOf is a rate as pages show it.
func rateOf(c reject.Counts, coverage float64) web.RejectRate {
	r := web.RejectRate{Accepted: c.Accepted, Rejected: c.Rejected, Tests: c.Tests}
	if r.Rate, r.Known = c.Rate(); r.Known {
		r.Low, r.High = c.Interval(coverage)
	}
	return r
}

// Rejects implements web.Rejects.
func (v rejectView) Rejects(ctx context.Context, language string, q web.RejectQuery) (pg web.RejectsPage, err error) {
	p, err := v.period(ctx, q.Months)
	if err != nil {
		return pg, err
	}
	b, err := v.house.Rejects.Board(ctx, at, p, reject.Filter{Room: q.Room, Exam: q.Exam})
	if err != nil {
		return pg, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	labels, choices, draft, err := v.reasonLabels(language)
	if err != nil {
		return pg, err
	}
	pg = web.RejectsPage{From: day(b.From), To: day(b.To), Least: b.Completeness, Coverage: b.Coverage, Reasons: choices, Draft: draft}
	rejected := map[string]int{}
	for i := range b.Rooms {
		r := &b.Rooms[i]
		rejected[r.Room] = r.Rejected
		pg.Rooms = append(pg.Rooms, rejectRoom(b, r, plan.ref(r.Room), q.Exam != ""))
	}
	for _, x := range b.Views {
		pg.Views = append(pg.Views, web.RejectView{Room: plan.ref(x.Room), Exam: x.Exam, View: x.View, RejectRate: rateOf(x.Counts, b.Coverage)})
	}
	for _, c := range b.Causes {
		pg.Causes = append(pg.Causes, web.RejectCause{Room: plan.ref(c.Room), Code: c.Code, Label: labels[c.Code], N: c.N, Share: float64(c.N) / float64(max(rejected[c.Room], 1))})
	}
	for _, w := range b.Unknown {
		pg.Unknown = append(pg.Unknown, web.RejectWord{Vendor: w.Vendor, Text: w.Text, Rejected: w.Rejected, Accepted: w.Accepted})
	}
	for _, r := range b.Repeats {
		pg.Repeats = append(pg.Repeats, web.RejectRepeat{Room: plan.ref(r.Room), Told: r.Told, Repeated: r.Repeated})
	}
	if err := v.offered(ctx, p, plan, &pg); err != nil {
		return pg, err
	}
	return pg, v.kept(ctx, q, labels, &pg)
}

// rejectRoom is a room with its months. Of one examination the archive cannot say how many
// images it has.
func rejectRoom(b *reject.Board, r *reject.RoomRate, ref web.RoomRef, one bool) web.RejectRoom {
	out := web.RejectRoom{Room: ref, RejectRate: rateOf(r.Counts, b.Coverage), Images: r.Images, Logged: r.Logged, Of: len(r.Months)}
	out.Share, out.ShareKnown = r.Complete()
	out.Incomplete = !one && b.Incomplete(out.Share, out.ShareKnown)
	for i := range r.Months {
		m := &r.Months[i]
		line := web.RejectRoom{Room: ref, Month: m.Month, RejectRate: rateOf(m.Counts, b.Coverage), Images: m.Images, Of: 1}
		if m.Log {
			line.Logged = 1
		}
		line.Share, line.ShareKnown = m.Complete()
		line.Incomplete = !one && b.Incomplete(line.Share, line.ShareKnown)
		out.Months = append(out.Months, line)
	}
	return out
}

// offered fills in what filters and the form offer.
func (v rejectView) offered(ctx context.Context, p dose.Period, plan plan, pg *web.RejectsPage) error {
	all, err := v.house.Rejects.Board(ctx, at, p, reject.Filter{})
	if err != nil {
		return err
	}
	for i := range all.Rooms {
		pg.RoomChoices = append(pg.RoomChoices, face.Choice{Code: all.Rooms[i].Room, Label: all.Rooms[i].Name})
	}
	for _, x := range all.Views {
		if x.Exam != "" && !slices.ContainsFunc(pg.Exams, func(c face.Choice) bool { return c.Code == x.Exam }) {
			pg.Exams = append(pg.Exams, face.Choice{Code: x.Exam, Label: x.Exam})
		}
	}
	slices.SortFunc(pg.Exams, func(a, b face.Choice) int { return strings.Compare(a.Label, b.Label) })
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			label := room.Name
			if len(room.Machines) > 1 {
				label += ": " + m.Name
			}
			pg.Machines = append(pg.Machines, face.Choice{Code: m.ID, Label: label})
		}
	}
	return nil
}

// kept fills in files, maps of columns and what reasons mean.
func (v rejectView) kept(ctx context.Context, q web.RejectQuery, labels map[string]string, pg *web.RejectsPage) error {
	batches, err := v.house.Rejects.Batches(ctx, at)
	if err != nil {
		return err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return err
	}
	for i := range batches {
		b := &batches[i]
		pg.Batches = append(pg.Batches, web.RejectBatch{
			ID: b.ID, Vendor: b.Layout.Vendor, Release: b.Layout.Release, By: cmp.Or(names[b.By], b.By), Digest: b.Digest,
			Rows: b.Told.Rows, Taken: b.Taken, Left: b.Told.Left, At: b.At, Undone: !b.UndoneAt.IsZero(),
		})
	}
	known, err := v.house.Rejects.Words(ctx, at)
	if err != nil {
		return err
	}
	for _, w := range known {
		pg.Known = append(pg.Known, web.RejectWord{Vendor: w.Vendor, Text: w.Text, Code: w.Code, Label: labels[w.Code], By: cmp.Or(names[w.By], w.By)})
	}
	maps, err := v.house.Rejects.Layouts(ctx, at)
	if err != nil {
		return err
	}
	for _, l := range maps {
		pg.Maps = append(pg.Maps, web.RejectMap{Vendor: l.Vendor, Release: l.Release})
	}
	if q.Vendor != "" {
		l, err := v.house.Rejects.Layout(ctx, at, q.Vendor, q.Second)
		if err != nil {
			return err
		}
		pg.Form = rejectForm(l)
	}
	return nil
}

// rejectForm is a map of columns as the form shows it.
func rejectForm(l reject.Layout) web.RejectForm {
	f := web.RejectForm{
		Vendor: l.Vendor, Release: l.Release, Columns: l.Columns, Rejected: strings.Join(l.Rejected, "; "), Accepted: strings.Join(l.Accepted, "; "),
		All: l.All, Days: l.Days, Machine: l.Machine,
	}
	var lines []string
	for name, id := range l.Machines {
		lines = append(lines, name+" = "+id)
	}
	slices.Sort(lines)
	f.Machines = strings.Join(lines, "\n")
	return f
}

// rejectLayout puts what somebody says over what was kept for the vendor's software.
func (h *house) rejectLayout(ctx context.Context, f web.RejectForm) (reject.Layout, error) {
	l, err := h.Rejects.Layout(ctx, at, f.Vendor, f.Release)
	if err != nil {
		return l, err
	}
	find, err := h.findMachine(ctx)
	if err != nil {
		return l, err
	}
	if len(f.Columns) > 0 {
		l.Columns = f.Columns
	}
	if all := betweenSemicolons(f.Rejected); len(all) > 0 {
		l.Rejected = all
	}
	if all := betweenSemicolons(f.Accepted); len(all) > 0 {
		l.Accepted = all
	}
	l.All, l.Days, l.Machine = l.All || f.All, cmp.Or(f.Days, l.Days), ""
	if f.Machine != "" {
		id, ok := find(f.Machine)
		if !ok {
			return l, fault.Errorf(fault.NotFound, "no such machine: name one by id, serial number, or a room with one machine")
		}
		l.Machine = id
	}
	if strings.TrimSpace(f.Machines) != "" {
		l.Machines = map[string]string{}
	}
	for line := range strings.Lines(f.Machines) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, called, ok := strings.Cut(line, "=")
		id, known := find(strings.TrimSpace(called))
		if !ok || !known {
			return l, fault.Errorf(fault.Invalid, "a name of a machine is written as NAME = MACHINE: id, serial number, or a room with one machine")
		}
		l.Machines[strings.TrimSpace(name)] = id
	}
	return l, nil
}

// betweenSemicolons reads words between semicolons.
func betweenSemicolons(s string) (all []string) {
	for w := range strings.SplitSeq(s, ";") {
		if w = strings.TrimSpace(w); w != "" {
			all = append(all, w)
		}
	}
	return all
}

// ImportRejects implements web.Rejects.
func (v rejectView) ImportRejects(ctx context.Context, who web.Person, raw []byte, f web.RejectForm, dry bool) (out web.RejectTrial, err error) {
	if err := may(ctx, access.DoseEnter); err != nil {
		return out, err
	}
	l, err := v.rejectLayout(ctx, f)
	if err != nil {
		return out, err
	}
	t, err := v.house.Rejects.Import(ctx, at, who.ID, raw, l, dry)
	out = web.RejectTrial{Batch: t.Batch, Rows: t.Told.Rows, Taken: t.Taken, Rejected: t.Told.Rejected, Left: t.Told.Left, Header: t.Header, Called: t.Called}
	for _, w := range t.Told.Wrong {
		out.Wrong = append(out.Wrong, web.EntryWrong{Line: w.Line, Column: w.Column, Rule: w.Rule})
	}
	return out, err
}

// UndoRejects implements web.Rejects.
func (v rejectView) UndoRejects(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.DoseEnter); err != nil {
		return err
	}
	return v.house.Rejects.Undo(ctx, at, who.ID, id)
}

// SayReject implements web.Rejects.
func (v rejectView) SayReject(ctx context.Context, who web.Person, vendor, text, code string) error {
	if err := may(ctx, access.DoseEnter); err != nil {
		return err
	}
	return v.house.Rejects.Say(ctx, at, who.ID, vendor, text, code)
}

// mostIndices is how many groups of exposure indices are drawn.
const mostIndices = 12

// Exposure implements web.Rejects.
func (v rejectView) Exposure(ctx context.Context, language string, q web.RejectQuery) (pg web.ExposurePage, err error) {
	p, err := v.period(ctx, q.Months)
	if err != nil {
		return pg, err
	}
	all, err := v.house.Rejects.Indices(ctx, at, p)
	if err != nil {
		return pg, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	pg = web.ExposurePage{From: day(p.From), To: day(p.To), Index: q.Index, Room: q.Room, Exam: q.Exam}
	w := words{v.Content}
	rows := map[[2]string]int{}
	for _, x := range all {
		name := ""
		if x.Exam != "" {
			name = w.exam(x.Exam, language).Label
			pg.Exams = withChoice(pg.Exams, x.Exam, name)
		}
		pg.RoomChoices = withChoice(pg.RoomChoices, x.Room, x.Name)
		if q.Room != "" && x.Room != q.Room || q.Exam != "" && x.Exam != q.Exam {
			continue
		}
		i, known := rows[[2]string{x.Room, x.Exam}]
		if !known {
			i = len(pg.Rows)
			rows[[2]string{x.Room, x.Exam}] = i
			pg.Rows = append(pg.Rows, web.ExposureRow{Room: plan.ref(x.Room), Exam: name, Of: map[string]web.ExposureSpread{}})
		}
		s := spreadOf(x.Values)
		pg.Rows[i].Of[string(x.Quantity)] = s
		if string(x.Quantity) == q.Index {
			pg.Groups = append(pg.Groups, web.ExposureGroup{Room: plan.ref(x.Room), Exam: name, ExposureSpread: s, Points: drawn(x.Values)})
		}
	}
	slices.SortStableFunc(pg.Groups, func(a, b web.ExposureGroup) int { return cmp.Compare(b.N, a.N) })
	if n := len(pg.Groups); n > mostIndices {
		pg.Groups, pg.Left = pg.Groups[:mostIndices], n-mostIndices
	}
	slices.SortFunc(pg.Exams, func(a, b face.Choice) int { return strings.Compare(a.Label, b.Label) })
	wrong, err := v.house.Rejects.Mismatches(ctx, at, p)
	for _, room := range plan.Rooms {
		if n := wrong[room.ID]; n > 0 {
			pg.Mismatches = append(pg.Mismatches, web.ExposureMismatch{Room: plan.ref(room.ID), N: n})
		}
	}
	return pg, err
}

// withChoice adds a choice that is not there yet.
func withChoice(all []face.Choice, code, label string) []face.Choice {
	if slices.ContainsFunc(all, func(c face.Choice) bool { return c.Code == code }) {
		return all
	}
	return append(all, face.Choice{Code: code, Label: label})
}

// spreadOf says how sorted values spread.
func spreadOf(x []float64) web.ExposureSpread {
	return web.ExposureSpread{
		N: len(x), P05: dose.Quantile(x, 0.05), Q1: dose.Quantile(x, 0.25), Median: dose.Quantile(x, 0.5), Q3: dose.Quantile(x, 0.75), P95: dose.Quantile(x, 0.95),
	}
}

// drawn are the values that a chart draws, evenly chosen.
func drawn(x []float64) (all []float64) {
	for i := range min(len(x), maxPoints) {
		all = append(all, x[i*len(x)/min(len(x), maxPoints)])
	}
	return all
}

// RejectFile implements web.Rejects.
func (v rejectView) RejectFile(ctx context.Context, w io.Writer, language string, q web.RejectQuery, part string, format web.ExportFormat) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	p := v.catalogue.Printer(language)
	var t export.Table
	if part == "exposure" {
		pg, err := v.Exposure(ctx, language, q)
		if err != nil {
			return err
		}
		t = exposureExport(p, pg)
		t.About = []export.Line{{Key: p.T("export.period"), Value: pg.From.Format("2006-01-02") + " – " + pg.To.Format("2006-01-02")}}
	} else {
		pg, err := v.Rejects(ctx, language, q)
		if err != nil {
			return err
		}
		t = rejectExport(p, pg, part)
		t.About = []export.Line{{Key: p.T("export.period"), Value: pg.From.Format("2006-01-02") + " – " + pg.To.Format("2006-01-02")}}
	}
	t.About = append(t.About, export.Line{Key: p.T("export.program"), Value: "radagora " + versionText()})
	t.Layout, t.Made, t.Scratch = 1, v.Now(), os.TempDir()
	data, err := json.Marshal(map[string]any{"part": part, "format": format, "months": q.Months, "room": q.Room})
	if err != nil {
		return err
	}
	err = v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: "dose.table.exported", Subject: "rejects", Data: data})
	})
	if err != nil {
		return err
	}
	switch format {
	case web.CSV:
		return export.CSV(w, t)
	case web.XLSX:
		return export.XLSX(w, t)
	case web.Parquet:
		return export.Parquet(w, t)
	}
	return fault.Errorf(fault.Invalid, "no such format: csv, xlsx or parquet")
}

// rateColumns are the columns of a rate, and its values.
func rateColumns(p *lang.Printer) []export.Column {
	return []export.Column{
		{Name: "rejected", Label: p.T("reject.n"), Kind: export.Integer},
		{Name: "exposures", Label: p.T("reject.all"), Kind: export.Integer},
		{Name: "tests", Label: p.T("reject.col_tests"), Kind: export.Integer},
		{Name: "rate", Label: p.T("reject.rate"), Unit: "1", Kind: export.Number},
		{Name: "interval_low", Label: p.T("export.interval_low"), Unit: "1", Kind: export.Number},
		{Name: "interval_high", Label: p.T("export.interval_high"), Unit: "1", Kind: export.Number},
	}
}

func rateCells(r web.RejectRate) []any {
	var rate, low, high *float64
	if r.Known {
		rate, low, high = &r.Rate, &r.Low, &r.High
	}
	return []any{r.Rejected, r.Accepted + r.Rejected, r.Tests, rate, low, high}
}

// rejectExport is a part of the page as a table.
func rejectExport(p *lang.Printer, pg web.RejectsPage, part string) export.Table {
	room := []export.Column{{Name: "room_id", Label: p.T("export.room_id"), Kind: export.Text}, {Name: "room", Label: p.T("dose.col_room"), Kind: export.Text}}
	switch part {
	case "views":
		return export.Table{
			Name: "reject_view", Title: p.T("reject.views"),
			Columns: slices.Concat(room, []export.Column{{Name: "exam", Label: p.T("reject.exam"), Kind: export.Text}, {Name: "view", Label: p.T("reject.view"), Kind: export.Text}}, rateColumns(p)),
			Rows: rowsOf(pg.Views, func(x web.RejectView) []any {
				return append([]any{x.Room.ID, x.Room.Name, x.Exam, x.View}, rateCells(x.RejectRate)...)
			}),
		}
	case "reasons":
		return export.Table{
			Name: "reject_reason", Title: p.T("reject.reasons"),
			Columns: slices.Concat(room, []export.Column{
				{Name: "reason_code", Label: p.T("reject.code"), Kind: export.Text},
				{Name: "reason", Label: p.T("reject.reason"), Kind: export.Text},
				{Name: "rejected", Label: p.T("reject.n"), Kind: export.Integer},
				{Name: "share", Label: p.T("reject.of_rejects"), Unit: "1", Kind: export.Number},
			}),
			Rows: rowsOf(pg.Causes, func(c web.RejectCause) []any {
				return []any{c.Room.ID, c.Room.Name, c.Code, cmp.Or(c.Label, p.T("reject.unmapped")), c.N, c.Share}
			}),
		}
	}
	var months []web.RejectRoom
	for _, r := range pg.Rooms {
		months = append(append(months, r.Months...), r)
	}
	return export.Table{
		Name: "reject_room", Title: p.T("reject.rooms"),
		Columns: slices.Concat(room, []export.Column{{Name: "month", Label: p.T("reject.month"), Kind: export.Text}}, rateColumns(p), []export.Column{
			{Name: "images", Label: p.T("reject.col_images"), Kind: export.Integer},
			{Name: "complete", Label: p.T("reject.share"), Unit: "1", Kind: export.Number},
			{Name: "incomplete", Label: p.T("reject.incomplete"), Kind: export.Boolean},
		}),
		Rows: rowsOf(months, func(r web.RejectRoom) []any {
			var share *float64
			if r.ShareKnown {
				share = &r.Share
			}
			return append(append([]any{r.Room.ID, r.Room.Name, r.Month}, rateCells(r.RejectRate)...), r.Images, share, r.Incomplete)
		}),
	}
}

// exposureExport is the page of exposure indices as a table.
func exposureExport(p *lang.Printer, pg web.ExposurePage) export.Table {
	type line struct {
		web.ExposureRow
		index string
	}
	var lines []line
	for _, r := range pg.Rows {
		for _, index := range []string{"exposure_index", "exposure_target", "deviation_index"} {
			if r.Of[index].N > 0 {
				lines = append(lines, line{r, index})
			}
		}
	}
	text := func(name, label string) export.Column {
		return export.Column{Name: name, Label: p.T(label), Kind: export.Text}
	}
	number := func(name, label string) export.Column {
		return export.Column{Name: name, Label: p.T(label), Unit: "1", Kind: export.Number}
	}
	return export.Table{
		Name: "exposure_index", Title: p.T("nav.exposure"),
		Columns: []export.Column{
			text("room_id", "export.room_id"), text("room", "dose.col_room"), text("exam", "dose.col_exam"), text("index", "exposure.index"),
			{Name: "n", Label: p.T("dose.col_n"), Kind: export.Integer},
			number("p05", "exposure.p05"), number("q1", "chart.q1"), number("median", "dose.col_median"),
			number("q3", "chart.q3"), number("p95", "exposure.p95"),
		},
		Rows: rowsOf(lines, func(l line) []any {
			s := l.Of[l.index]
			return []any{l.Room.ID, l.Room.Name, l.Exam, l.index, s.N, s.P05, s.Q1, s.Median, s.Q3, s.P95}
		}),
	}
}
