package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/export"
	"radagora/fault"
	"radagora/journal"
	"radagora/web"
)

// exportLayout is the version of the columns below: raised when one is added at
// the end; none is ever taken away or moved.
const exportLayout = 3

// Export implements web.DoseCT.
func (v *view) Export(ctx context.Context, w io.Writer, q web.DoseQuery, part web.ExportPart, format web.ExportFormat) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	d, err := v.doseView(ctx, q)
	if err != nil {
		return err
	}
	tables := map[web.ExportPart]func() (export.Table, error){
		web.ExportTable: d.levelTable, web.ExportSpread: d.spreadTable, web.ExportTrend: d.trendTable,
		web.ExportExaminations: func() (export.Table, error) { return d.examinationTable(ctx) },
		web.ExportEvents:       func() (export.Table, error) { return d.eventTable(ctx) },
	}
	table, ok := tables[part]
	if !ok {
		return notFound("part of this page")
	}
	t, err := table()
	if err != nil {
		return err
	}
	t.Layout, t.About, t.Made, t.Scratch = exportLayout, d.about(), v.Now(), os.TempDir()
	if err := v.exported(ctx, d, part, format); err != nil {
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

// exported notes in the journal what leaves and by whom, before it does.
func (v *view) exported(ctx context.Context, d *doseView, part web.ExportPart, format web.ExportFormat) error {
	data, err := json.Marshal(map[string]any{
		"part": part, "format": format, "modality": d.q.Modality, "from": d.o.From, "to": d.o.To, "room": d.q.Room, "exam": d.q.Exam, "size": d.q.Size, "purpose": d.q.Purpose,
	})
	if err != nil {
		return err
	}
	return v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{
			Site: at, Actor: access.From(ctx).ID, Kind: "dose.table.exported", Subject: string(part), Data: data,
		})
	})
}

// about says what a table rests on.
func (d *doseView) about() []export.Line {
	lines := []export.Line{
		{Key: d.text("export.period"), Value: d.o.From + " – " + d.o.To},
		{Key: d.text("export.program"), Value: "radagora " + versionText()},
	}
	for _, f := range [][2]string{{"dose.filter_room", d.q.Room}, {"dose.filter_exam", d.q.Exam}, {"dose.filter_size", d.q.Size}} {
		if f[1] != "" {
			lines = append(lines, export.Line{Key: d.text(f[0]), Value: f[1]})
		}
	}
	for _, s := range d.sets() {
		if set, ok := d.Content.Set(at, s.ID); ok {
			lines = append(lines, export.Line{Key: s.ID, Value: set.Ref().String()})
		}
	}
	if d.synthetic(context.Background()) {
		lines = append(lines, export.Line{Key: d.text("frame.synthetic"), Value: d.text("frame.synthetic_text")})
	}
	return lines
}

// rowsOf makes rows of a list.
func rowsOf[T any](list []T, row func(T) []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, x := range list {
			if !yield(row(x), nil) {
				return
			}
		}
	}
}

// column makes a column whose label is in the catalogue.
func (d *doseView) column(name, label, unit string, kind export.Kind) export.Column {
	return export.Column{Name: name, Label: d.text(label), Unit: unit, Kind: kind}
}

// levelTable is the table of medians beside their levels.
func (d *doseView) levelTable() (export.Table, error) {
	t := export.Table{Name: d.tableName("levels"), Title: d.text("dose.levels"), Columns: []export.Column{
		d.column("room_id", "export.room_id", "", export.Text), d.column("room", "dose.col_room", "", export.Text),
		d.column("exam_code", "export.exam_code", "", export.Text), d.column("exam", "dose.col_exam", "", export.Text),
		d.column("indication_code", "export.indication_code", "", export.Text), d.column("indication", "dose.indication", "", export.Text),
		d.column("indication_known_by", "mapping.known_by", "", export.Text), d.column("size_group", "dose.filter_size", "", export.Text),
		d.column("quantity", "dose.quantity", "", export.Text), d.column("unit", "export.unit", "", export.Text),
		d.column("basis", "export.basis", "", export.Text),
		d.column("examinations", "dose.examinations", "", export.Integer), d.column("n", "dose.col_n", "", export.Integer),
		d.column("size_unknown", "export.size_unknown", "", export.Integer), d.column("excluded", "export.excluded", "", export.Integer),
		d.column("median", "dose.col_median", "", export.Number), d.column("q1", "chart.q1", "", export.Number), d.column("q3", "chart.q3", "", export.Number),
		d.column("interval_low", "export.interval_low", "", export.Number), d.column("interval_high", "export.interval_high", "", export.Number),
		d.column("level", "dose.col_level", "", export.Number), d.column("level_set", "content.set", "", export.Text),
		d.column("level_edition", "content.edition", "", export.Text), d.column("level_digest", "export.digest", "", export.Text),
		d.column("level_official", "export.official", "", export.Boolean),
		d.column("ratio", "dose.col_ratio", "1", export.Number), d.column("state", "dose.col_state", "", export.Text),
		d.column("state_word", "export.state_word", "", export.Text), d.column("notes", "export.notes", "", export.Text),
		d.column("period_from", "export.from", "", export.Date), d.column("period_to", "export.to", "", export.Date),
		d.column("weights_from", "export.weights_from", "", export.Text), d.column("calculated", "export.calculated", "", export.Integer),
	}}
	t.Rows = rowsOf(d.rows(), d.levelCells)
	return t, nil
}

// levelCells are the cells of a row of levelTable.
func (d *doseView) levelCells(r *dose.Row) []any {
	w := d.row(r)
	var level, ratio, low, high, official any
	var set, edition, digest string
	if g := r.Governing; g != nil {
		level, set, edition, digest, official = g.Value, g.Set.ID, g.Set.Edition, g.Set.Digest, g.Official
	}
	if r.Ratio > 0 {
		ratio = r.Ratio
	}
	if r.Interval {
		low, high = r.Low, r.High
	}
	left := 0
	for _, n := range r.Left {
		left += n
	}
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, string(n))
	}
	var median, q1, q3 any
	if r.N > 0 {
		median, q1, q3 = r.Median, r.Q1, r.Q3
	}
	return []any{
		r.Room, w.Room.Name, r.Exam, w.Exam.Label, r.Indication, w.Indication, string(r.KnownBy), w.Size,
		string(r.Measure), r.Unit, string(r.Basis), r.Examinations, r.N, r.SizeUnknown, left,
		median, q1, q3, low, high, level, set, edition, digest, official, ratio, string(r.State), w.State.Word,
		strings.Join(notes, " "), day(d.o.From), day(d.o.To), weightsFrom(r), r.Calculated,
	}
}

// weightsFrom says how many weights of a row come from which source: dicom 3; hl7 12.
func weightsFrom(r *dose.Row) string {
	var all []string
	for _, source := range slices.Sorted(maps.Keys(r.SizeFrom)) {
		all = append(all, source+" "+strconv.Itoa(r.SizeFrom[source]))
	}
	return strings.Join(all, "; ")
}

// spreadTable are the numbers of the distribution chart.
func (d *doseView) spreadTable() (export.Table, error) {
	c := d.charts(d.rows())
	t := export.Table{Name: d.tableName("spread"), Title: d.text("dose.examinations"), Columns: []export.Column{
		d.column("room", "dose.col_room", "", export.Text), d.column("group", "dose.filter_chart", "", export.Text),
		d.column("quantity", "dose.quantity", "", export.Text), d.column("unit", "export.unit", "", export.Text),
		d.column("n", "dose.col_n", "", export.Integer), d.column("p05", "chart.p05", "", export.Number), d.column("q1", "chart.q1", "", export.Number),
		d.column("median", "chart.median", "", export.Number), d.column("q3", "chart.q3", "", export.Number), d.column("p95", "chart.p95", "", export.Number),
	}, Rows: rowsOf[any](nil, nil)}
	if c != nil {
		t.Rows = rowsOf(c.Rooms, func(r web.DoseCourse) []any {
			return []any{r.Room.Name, c.Label, c.Quantity, c.Unit, r.N, r.P05, r.Q1, r.Median, r.Q3, r.P95}
		})
	}
	return t, nil
}

// trendTable are the numbers of the trend chart.
func (d *doseView) trendTable() (export.Table, error) {
	c := d.charts(d.rows())
	t := export.Table{Name: d.tableName("trend"), Title: d.text("chart.month"), Columns: []export.Column{
		d.column("room", "dose.col_room", "", export.Text), d.column("group", "dose.filter_chart", "", export.Text),
		d.column("quantity", "dose.quantity", "", export.Text), d.column("unit", "export.unit", "", export.Text),
		d.column("month", "chart.month", "", export.Text), d.column("n", "dose.col_n", "", export.Integer),
		d.column("median", "chart.median", "", export.Number),
		d.column("interval_low", "export.interval_low", "", export.Number), d.column("interval_high", "export.interval_high", "", export.Number),
	}, Rows: rowsOf[any](nil, nil)}
	if c == nil {
		return t, nil
	}
	t.Rows = func(yield func([]any, error) bool) {
		for _, r := range c.Rooms {
			for _, m := range r.Months {
				var low, high any
				if m.High > m.Low {
					low, high = m.Low, m.High
				}
				if !yield([]any{r.Room.Name, c.Label, c.Quantity, c.Unit, m.Month.Format("2006-01"), m.N, m.Median, low, high}, nil) {
					return
				}
			}
		}
	}
	return t, nil
}

// examinationTable is one row for each examination of the period and filter.
func (d *doseView) examinationTable(ctx context.Context) (export.Table, error) {
	t := export.Table{Name: d.tableName("examinations"), Title: d.text("dose.examinations"), Columns: []export.Column{
		d.column("study_instance_uid", "dose.study", "", export.Text), d.column("examination", "export.examination", "", export.Text),
		d.column("started", "dose.when", "", export.Text), d.column("room_id", "export.room_id", "", export.Text), d.column("room", "dose.col_room", "", export.Text),
		d.column("local_name", "dose.protocol", "", export.Text), d.column("exam_code", "export.exam_code", "", export.Text),
		d.column("indication_code", "export.indication_code", "", export.Text), d.column("indication_known_by", "mapping.known_by", "", export.Text),
		d.column("assigned_by", "dose.assigned", "", export.Text), d.column("size_group", "dose.filter_size", "", export.Text),
		d.column("age_months", "export.age", "mo", export.Integer), d.column("weight_kg", "dose.weight", "kg", export.Number),
		d.column("events", "dose.events", "", export.Integer), d.column("dlp_mgycm", "quantity.dlp", "mGy.cm", export.Number),
		d.column("ctdivol_max_mgy", "export.ctdivol_max", "mGy", export.Number), d.column("provenance", "dose.origin", "", export.Text),
		d.column("excluded", "export.excluded_why", "", export.Text),
		d.column("weight_source", "export.weight_source", "", export.Text), d.column("weight_origin", "export.weight_origin", "", export.Text),
		d.column("weight_age_d", "export.weight_age", "d", export.Integer),
	}}
	t.Columns = append(t.Columns, d.amountColumns()...)
	rows := d.mainRows()
	origins, err := d.weightOrigins(ctx)
	if err != nil {
		return t, err
	}
	t.Rows = rowsOf(d.kept(), func(i *dose.Item) []any {
		var highest, age any
		for _, x := range i.CTDIvol {
			if h, ok := highest.(float64); !ok || x > h {
				highest = x
			}
		}
		if i.AgeMonths != nil {
			age = *i.AgeMonths
		}
		return append([]any{
			i.Study, i.Key, i.Started, i.Room, d.plan.ref(i.Room).Name, i.Name, i.Exam, i.Indication, string(i.KnownBy), i.AssignedBy,
			d.size(i.Group), age, i.Weight, i.Events, i.DLP, highest, string(cmp.Or(i.Class, dose.FromReport)), i.Excluded,
			i.WeightFrom.Source, origins[i.WeightFrom.Source+" "+i.WeightFrom.Origin], d.weightAge(i),
		}, d.amountCells(i, rows[i.ID()])...)
	})
	return t, nil
}

// weightOrigins returns what people call the origins of weights, by source and origin.
// What a report or header says has none but its study, which stands there.
func (d *doseView) weightOrigins(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, i := range d.listed() {
		from := i.WeightFrom
		key := from.Source + " " + from.Origin
		if _, known := all[key]; known || from.Source == "" || from.Source == dose.SizeFromReport {
			continue
		}
		name, err := d.originOf(ctx, from.Source, from.Origin)
		if err != nil {
			return nil, err
		}
		all[key] = name
	}
	return all, nil
}

// weightAge returns how many days before an examination its weight was measured, below
// zero after it; nil if nobody knows when.
func (d *doseView) weightAge(i *dose.Item) any {
	if i.WeightFrom.At == nil || i.WeightFrom.Source == dose.SizeFromReport {
		return nil
	}
	return wholeDays(d.when(i).Sub(time.UnixMilli(*i.WeightFrom.At)))
}

// items returns the examinations that the filter lets through.
func (d *doseView) items() []*dose.Item {
	return d.among(d.o.All())
}

// among returns those of some examinations that the filter lets through.
func (d *doseView) among(items iter.Seq[*dose.Item]) []*dose.Item {
	var all []*dose.Item
	for i := range items {
		if (d.q.Room == "" || d.q.Room == i.Room) && (d.q.Exam == "" || d.q.Exam == i.Exam) && (d.q.Size == "" || d.q.Size == sizeCode(i.Group)) {
			all = append(all, i)
		}
	}
	return all
}

// listed are items without those of persons who asked that processing stops: they
// count in numbers and stand in no list.
func (d *doseView) listed() []*dose.Item {
	return slices.DeleteFunc(d.items(), func(i *dose.Item) bool { return i.Restricted })
}

// eventTable is one row for each irradiation event of the period and filter.
func (d *doseView) eventTable(ctx context.Context) (export.Table, error) {
	t := export.Table{Name: d.tableName("events"), Title: d.text("dose.events"), Columns: []export.Column{
		d.column("study_instance_uid", "dose.study", "", export.Text), d.column("examination", "export.examination", "", export.Text),
		d.column("event_uid", "export.event", "", export.Text), d.column("sop_instance_uid", "dose.sources", "", export.Text),
		d.column("started", "dose.when", "", export.Text), d.column("type", "export.type", "", export.Text), d.column("protocol", "dose.protocol", "", export.Text),
		d.column("phantom", "quantity.phantom", "", export.Text), d.column("ctdivol_mgy", "quantity.ctdivol", "mGy", export.Number),
		d.column("dlp_mgycm", "quantity.dlp", "mGy.cm", export.Number), d.column("kvp", "quantity.kvp", "kV", export.Number),
		d.column("exposure_time_s", "quantity.exposure_time", "s", export.Number), d.column("scan_length_mm", "quantity.scan_length", "mm", export.Number),
	}}
	t.Columns = append(t.Columns, d.eventColumns()...)
	t.Rows = d.eventRows(ctx)
	return t, nil
}
