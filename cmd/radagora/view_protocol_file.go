package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/dose/protocol"
	"radagora/export"
	"radagora/fault"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
)

// codeWord says the word for a code that a setting has, such as 113631 of DICOM: pulsed.
// What has no word stays as the machine sends it.
func codeWord(p *lang.Printer, code string) string {
	if code != "" && p.Has("dosecode."+code) {
		return p.T("dosecode." + code)
	}
	return code
}

// worded returns values with words in place of codes.
func worded(p *lang.Printer, values []protocol.Value) []protocol.Value {
	out := make([]protocol.Value, len(values))
	for i, v := range values {
		out[i] = protocol.Value{Text: codeWord(p, v.Text), N: v.N}
	}
	return out
}

// ProtocolFile implements web.Protocols.
func (v protocolView) ProtocolFile(ctx context.Context, w io.Writer, language string, f web.ProtocolExport) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	t, err := v.protocolTable(ctx, language, f)
	if err != nil {
		return err
	}
	p := v.catalogue.Printer(language)
	t.About = append(t.About, export.Line{Key: p.T("export.program"), Value: "radagora " + versionText()})
	t.Layout, t.Made, t.Scratch = 1, v.Now(), os.TempDir()
	data, err := json.Marshal(map[string]any{"part": f.Part, "format": f.Format})
	if err != nil {
		return err
	}
	err = v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: "dose.table.exported", Subject: "protocols", Data: data})
	})
	if err != nil {
		return err
	}
	switch f.Format {
	case web.CSV:
		return export.CSV(w, t)
	case web.XLSX:
		return export.XLSX(w, t)
	case web.Parquet:
		return export.Parquet(w, t)
	}
	return fault.Errorf(fault.Invalid, "no such format: csv, xlsx or parquet")
}

// protocolTable makes the table of a part.
func (v protocolView) protocolTable(ctx context.Context, language string, f web.ProtocolExport) (export.Table, error) {
	p := v.catalogue.Printer(language)
	if f.Part == web.ProtocolRegister {
		return v.registerTable(ctx, p)
	}
	c, err := v.CompareProtocols(ctx, f.A, f.B, language)
	if err != nil {
		return export.Table{}, err
	}
	if f.A.ID == "" || f.B.ID == "" {
		return export.Table{}, fault.Errorf(fault.Invalid, "a comparison has two sides: name a and b")
	}
	t := comparedSettings(p, c)
	if f.Part == web.ProtocolEffects {
		t = comparedEffects(p, c)
	}
	t.About = []export.Line{{Key: p.T("protocols.side_a"), Value: sideText(c.NameA, c.A)}, {Key: p.T("protocols.side_b"), Value: sideText(c.NameB, c.B)}}
	return t, nil
}

// sideText says what a side is, with its days if it is not all of it.
func sideText(name string, s web.ProtocolSide) string {
	if s.From+s.To == "" {
		return name
	}
	return name + ", " + s.From + " – " + s.To
}

// textColumn is a column of texts.
func textColumn(p *lang.Printer, name, label string) export.Column {
	return export.Column{Name: name, Label: p.T(label), Kind: export.Text}
}

// registerTable is the register: a row for each version, a column for each setting.
func (v protocolView) registerTable(ctx context.Context, p *lang.Printer) (t export.Table, err error) {
	all, err := v.house.Protocols.Versions(ctx, at, "")
	if err != nil {
		return t, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return t, err
	}
	rules, err := protocol.LoadRules(v.Content, at)
	if err != nil {
		return t, err
	}
	names := labels(rules, p.Tag())
	t = export.Table{Name: "scanner_protocol", Title: p.T("protocols.title"), Columns: []export.Column{
		textColumn(p, "room_id", "export.room_id"), textColumn(p, "room", "dose.col_room"), textColumn(p, "machine_id", "protocols.machine_id"),
		textColumn(p, "protocol", "protocols.name"), textColumn(p, "type", "protocols.type"), textColumn(p, "modality", "dose.filter_modality"),
		{Name: "version", Label: p.T("protocols.version"), Kind: export.Integer},
		textColumn(p, "first_day", "protocols.first"), textColumn(p, "last_day", "protocols.last"),
		{Name: "n", Label: p.T("protocols.n"), Kind: export.Integer},
		textColumn(p, "changed", "protocols.changed"),
	}}
	for _, s := range rules.Settings {
		t.Columns = append(t.Columns, export.Column{Name: s.Code, Label: labelOf(s, p.Tag()), Unit: s.Unit, Kind: export.Text})
	}
	t.Rows = rowsOf(all, func(x protocol.Version) []any {
		ref := plan.ref(plan.of(x.Machine))
		row := []any{ref.ID, ref.Name, x.Machine, x.Protocol, x.Type, x.Modality, x.Number, x.First, x.Last, x.N, changedWords(p, names, x.Changed)}
		for _, s := range rules.Settings {
			row = append(row, protocol.Text(worded(p, x.Settings[s.Code])))
		}
		return row
	})
	return t, nil
}

// changedWords says what changed.
func changedWords(p *lang.Printer, names map[string]string, all []protocol.Changed) string {
	var parts []string
	for _, c := range all {
		parts = append(parts, cmp.Or(names[c.Setting], c.Setting)+": "+cmp.Or(codeWord(p, c.From), "–")+" → "+cmp.Or(codeWord(p, c.To), "–"))
	}
	return strings.Join(parts, "; ")
}

// comparedSettings are the settings of both sides as a table, those that are alike too.
func comparedSettings(p *lang.Printer, c web.ProtocolComparison) export.Table {
	return export.Table{
		Name: "protocol_setting", Title: p.T("protocols.settings"),
		Columns: []export.Column{
			textColumn(p, "setting", "protocols.setting"), textColumn(p, "unit", "export.unit"),
			textColumn(p, "left", "protocols.side_a"), textColumn(p, "right", "protocols.side_b"),
			{Name: "differs", Label: p.T("protocols.differ"), Kind: export.Boolean},
		},
		Rows: rowsOf(c.Rows, func(r web.ProtocolRow) []any { return []any{r.Label, r.Unit, r.A, r.B, r.Differ} }),
	}
}

// comparedEffects are the doses of both sides as a table, with the ratio of their medians.
func comparedEffects(p *lang.Printer, c web.ProtocolComparison) export.Table {
	number := func(name, label string) export.Column {
		return export.Column{Name: name, Label: p.T(label), Kind: export.Number}
	}
	count := func(name, label string) export.Column {
		return export.Column{Name: name, Label: p.T(label), Kind: export.Integer}
	}
	return export.Table{
		Name: "protocol_effect", Title: p.T("protocols.effects"),
		Columns: []export.Column{
			textColumn(p, "quantity", "protocols.quantity"), textColumn(p, "unit", "export.unit"),
			number("median_left", "protocols.side_a"), count("n_left", "dose.col_n"),
			number("median_right", "protocols.side_b"), count("n_right", "dose.col_n"),
			number("ratio", "protocols.effect"), number("interval_low", "export.interval_low"), number("interval_high", "export.interval_high"),
		},
		Rows: rowsOf(c.Effects, func(e web.ProtocolEffect) []any {
			var a, b, ratio, low, high *float64
			if e.NA > 0 {
				a = &e.A
			}
			if e.NB > 0 {
				b = &e.B
			}
			if e.Ratio > 0 {
				ratio = &e.Ratio
			}
			if e.Interval {
				low, high = &e.Low, &e.High
			}
			return []any{p.T("protocols.q_" + e.Quantity), e.Unit, a, e.NA, b, e.NB, ratio, low, high}
		}),
	}
}
