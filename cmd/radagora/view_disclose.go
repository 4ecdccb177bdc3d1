package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dose"
	shelf "radagora/dose/view"
	"radagora/export"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
)

// registryLayout is the version of the columns that registries get.
const registryLayout = 1

// A registryView makes files for registries.
type registryView struct{ *view }

// Disclosures implements web.Registry.
func (v registryView) Disclosures(ctx context.Context) ([]web.Disclosure, error) {
	all, err := v.Shelf.Disclosures(ctx, at)
	if err != nil {
		return nil, err
	}
	var out []web.Disclosure
	for _, d := range all {
		w, err := v.disclosure(ctx, d)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// Disclosure implements web.Registry.
func (v registryView) Disclosure(ctx context.Context, number int64) (web.Disclosure, error) {
	d, err := v.Shelf.Disclosure(ctx, at, number)
	if err != nil {
		return web.Disclosure{}, err
	}
	return v.disclosure(ctx, d)
}

// disclosure is one as pages show it.
func (v registryView) disclosure(ctx context.Context, d shelf.Disclosure) (web.Disclosure, error) {
	people, err := v.people(ctx)
	return web.Disclosure{
		Number: d.Number, Registry: d.Registry, Modality: d.Modality, Format: d.Format, File: d.File, Digest: d.Digest, State: d.State,
		From: day(d.From), To: day(d.To), Made: instant(d.MadeAt), Received: instant(d.ReceivedAt), N: d.N, Left: leftOf(d.Left),
		MadeBy: choice(people, d.MadeBy).Label, ReceivedBy: choice(people, d.ReceivedBy).Label, Receipt: d.Receipt, ReceiptName: d.ReceiptName,
	}, err
}

// leftOf lists why examinations are left out, in order.
func leftOf(left map[string]int) (all []web.Excluded) {
	for _, reason := range slices.Sorted(maps.Keys(left)) {
		all = append(all, web.Excluded{Reason: reason, N: left[reason]})
	}
	return all
}

// A disclosing is a file for a registry in the making.
type disclosing struct {
	d      *doseView
	period dose.Period
	rows   []shelf.Disclosed
	left   map[string]int
}

// prepare chooses what goes to a registry: examinations of those who do not object, and
// what of them can be told.
func (v *view) prepare(ctx context.Context, language string, f web.DisclosureForm) (*disclosing, error) {
	if err := shelf.CheckRegistry(f.Registry); err != nil {
		return nil, err
	}
	if f.Modality = modalityOf(f.Modality); dose.MainMeasure(f.Modality) == "" {
		return nil, fault.Errorf(fault.Invalid, "modality: one of %s", strings.Join(dose.Modalities(), ", "))
	}
	if f.From == "" || f.To == "" {
		return nil, fault.Errorf(fault.Invalid, "a period has a first and a last day")
	}
	p, err := v.periodOf(ctx, f.From, f.To)
	if err != nil {
		return nil, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	x := &disclosing{period: p, d: &doseView{view: v, q: web.DoseQuery{Language: language, Modality: f.Modality}, zone: here.Location(), site: at, today: v.Now().In(here.Location())}}
	if x.d.plan, err = v.plan(ctx); err != nil {
		return nil, err
	}
	if err := v.Facts.Secondary(ctx, at, "dose.registry", access.PublicGood); err != nil {
		return nil, err
	}
	all, err := v.Dose.OverviewBy(ctx, at, f.Modality, p, x.d.plan.of, access.Quality, dose.BasisReported)
	if err != nil {
		return nil, err
	}
	o, err := v.Dose.OverviewBy(ctx, at, f.Modality, p, x.d.plan.of, access.PublicGood, dose.BasisReported)
	if err != nil {
		return nil, err
	}
	x.d.o, x.d.stored = o, o
	x.rows, x.left = shelf.Prepare(slices.Collect(o.All()), all.Len()-o.Len())
	return x, nil
}

// table is what goes to the registry. No column names a person, an order, a study, a
// machine, a person of the staff or a day.
func (x *disclosing) table(registry string) export.Table {
	d, text, number, integer := x.d, export.Text, export.Number, export.Integer
	t := export.Table{Name: "dose_registry_" + strings.ToLower(d.q.Modality), Title: d.text("nav.registry"), Layout: registryLayout, Made: d.Now(), Scratch: os.TempDir(), Columns: []export.Column{
		d.column("row", "registry.row", "", integer), d.column("year", "registry.year", "", text), d.column("month", "chart.month", "", text),
		d.column("room_number", "registry.room_number", "", integer), d.column("modality", "dose.filter_modality", "", text),
		d.column("exam_code", "export.exam_code", "", text), d.column("indication_code", "export.indication_code", "", text), d.column("indication_known_by", "mapping.known_by", "", text),
		d.column("age_years", "registry.age", "a", integer), d.column("weight_kg", "dose.weight", "kg", number), d.column("events", "dose.events", "", integer),
		d.column("dlp_mgycm", "quantity.dlp", "mGy.cm", number), d.column("ctdivol_max_mgy", "export.ctdivol_max", "mGy", number), d.column("provenance", "dose.origin", "", text),
	}}
	for _, q := range exportedAmounts {
		t.Columns = append(t.Columns, d.column(q.column, "quantity."+string(q.quantity), dose.QuantityUnit(q.quantity), number))
	}
	t.About = []export.Line{{Key: d.text("registry.registry"), Value: registry}, {Key: d.text("export.period"), Value: x.period.From + " – " + x.period.To}, {Key: d.text("export.program"), Value: "radagora " + versionText()}}
	if d.synthetic(context.Background()) {
		t.About = append(t.About, export.Line{Key: d.text("frame.synthetic"), Value: d.text("frame.synthetic_text")})
	}
	t.Rows = rowsOf(x.rows, func(r shelf.Disclosed) []any {
		var highest any
		if len(r.Item.CTDIvol) > 0 {
			highest = slices.Max(r.Item.CTDIvol)
		}
		class := r.Item.Class
		if class == "" {
			class = dose.FromReport
		}
		row := []any{r.Row, r.Year, r.Month, r.Room, d.q.Modality, r.Exam, r.Indication, r.KnownBy, r.AgeYears, r.Weight, r.Item.Events, r.Item.DLP, highest, string(class)}
		for _, q := range exportedAmounts {
			var cell any
			if v, ok := r.Item.Amounts[q.quantity]; ok {
				cell = v
			}
			row = append(row, cell)
		}
		return row
	})
	return t
}

// remarks say what whoever sends the file should look at first.
func (x *disclosing) remarks() (all []lang.Message) {
	counts := map[string]int{}
	rooms := map[int]bool{}
	for _, r := range x.rows {
		rooms[r.Room] = true
		for key, is := range map[string]bool{
			"registry.remark_weight": r.Weight == nil, "registry.remark_indication": r.Indication == "", "registry.remark_assumed": r.KnownBy == string(dose.KnownByAssumed),
			"registry.remark_calculated": r.Item.Calculated, "registry.remark_size": r.Item.Excluded != "",
		} {
			if is {
				counts[key]++
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, msg(key, lang.Args{"n": counts[key]}))
	}
	if len(x.rows) > 0 {
		all = append(all, msg("registry.remark_rooms", lang.Args{"n": len(rooms)}))
	}
	return all
}

// PreviewDisclosure implements web.Registry.
func (v registryView) PreviewDisclosure(ctx context.Context, language string, f web.DisclosureForm) (web.DisclosurePreview, error) {
	var out web.DisclosurePreview
	x, err := v.prepare(ctx, language, f)
	if err != nil {
		return out, err
	}
	out.N, out.Left, out.Remarks = len(x.rows), leftOf(x.left), x.remarks()
	var pg web.ViewPage
	if err := savedView(v).preview(language, x.table(f.Registry), &pg); err != nil {
		return out, err
	}
	out.Heads, out.Rows = pg.Heads, pg.Rows
	return out, nil
}

// inFile are the letters of the name of a registry that stand in the name of a file.
var inFile = regexp.MustCompile(`[^a-z0-9]+`)

// Disclose implements web.Registry.
func (v registryView) Disclose(ctx context.Context, w io.Writer, language string, f web.DisclosureForm) (web.Disclosure, error) {
	x, err := v.prepare(ctx, language, f)
	if err != nil {
		return web.Disclosure{}, err
	}
	if len(x.rows) == 0 {
		return web.Disclosure{}, fault.Errorf(fault.Invalid, "no examination of that period can go to a registry: look at what is left out, and why")
	}
	var b bytes.Buffer
	t := x.table(f.Registry)
	if err := writeTable(&b, t, f.Format); err != nil {
		return web.Disclosure{}, err
	}
	name := strings.Trim(inFile.ReplaceAllString(strings.ToLower(f.Registry), "-"), "-")
	if name == "" {
		name = "registry"
	}
	d, err := v.Shelf.Disclose(ctx, shelf.Disclosure{
		Site: at, Registry: f.Registry, Modality: x.d.q.Modality, From: x.period.From, To: x.period.To, Layout: t.Name + "/1", Format: f.Format,
		File: name + "-" + strings.ToLower(x.d.q.Modality) + "-" + v.Now().Format(time.DateOnly) + "." + f.Format, N: len(x.rows), Left: x.left,
	}, b.Bytes())
	if err != nil {
		return web.Disclosure{}, err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return web.Disclosure{}, err
	}
	return v.disclosure(ctx, d)
}

// Answer implements web.Registry.
func (v registryView) Answer(ctx context.Context, number int64, state, words, name string, file []byte) error {
	return v.Shelf.Receive(ctx, at, number, shelf.Receipt{State: state, Text: words, Name: name, File: file})
}

// Receipt implements web.Registry.
func (v registryView) Receipt(ctx context.Context, number int64) (string, []byte, error) {
	return v.Shelf.ReceiptFile(ctx, at, number)
}
