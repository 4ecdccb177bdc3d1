package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// doseCT shows the CT dose page.
func (s *server) doseCT(v *visit) error { return v.showDose(v.here(), nil) }

// query reads the filter of the dose page from an address.
func (v *visit) query(a address) DoseQuery {
	get := a.query.Get
	return DoseQuery{
		Language: v.p.Tag(), Modality: get("modality"), Period: get("period"), Room: get("room"), Exam: get("exam"),
		Size: get("size"), Chart: get("chart"), Sort: get("sort"), Row: get("row"), DAP: v.dapUnit(), Basis: get("basis"),
	}
}

// showDose shows the CT dose page at an address; no is a form it has to give
// back.
func (v *visit) showDose(here address, no *refusal) error {
	q := v.query(here)
	d, err := v.DoseCT.Page(v.r.Context(), q)
	if err != nil {
		return err
	}
	sortRows(d.Rows, q.Sort)
	pg := page{title: v.p.T("dose.title"), section: "/dose/ct"}
	if i := slices.IndexFunc(d.Modalities, func(c face.Choice) bool { return c.Code == d.Modality }); i > 0 {
		pg.title = v.p.T("dose.title_of", lang.Args{"modality": d.Modalities[i].Label})
	}
	if d.Started {
		pg.lead = v.p.T("dose.period", lang.Args{"from": d.From, "to": d.To.AddDate(0, 0, -1)})
		pg.actions = doseTake(v, here)
	}
	if no != nil {
		pg.status = http.StatusBadRequest
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: v.p.T("form.refused_text")})
	}
	var open *DoseRow
	if id := here.query.Get("open"); id != "" {
		i := slices.IndexFunc(d.Rows, func(r DoseRow) bool { return r.ID == id })
		if i < 0 {
			return fault.Errorf(fault.NotFound, "no row %q in this period and filter", id)
		}
		open = &d.Rows[i]
	}
	kept, err := v.shelf(here, "levels", "examinations", "events")
	if err != nil {
		return err
	}
	return v.show(pg, dosePage(v, doseView{DosePage: d, here: here, query: q, open: open, refused: no, shelf: kept}))
}

// A doseView is what the template of the dose page needs.
type doseView struct {
	DosePage
	here    address
	query   DoseQuery
	open    *DoseRow
	refused *refusal
	shelf   viewShelf
}

// A doseColumn is a column of the level table and how it sorts.
type doseColumn struct {
	key     string // of the sort, and of the catalogue as "dose.col_" + key
	numeric bool
	phone   face.Phone
	less    func(a, b DoseRow) int // nil if it does not sort
}

// doseColumns are the columns of the level table.
var doseColumns = []doseColumn{
	{key: "exam", phone: face.Name, less: func(a, b DoseRow) int {
		return cmp.Or(strings.Compare(a.Exam.Label, b.Exam.Label), strings.Compare(a.Indication, b.Indication))
	}},
	{key: "room", less: func(a, b DoseRow) int { return strings.Compare(a.Room.Name, b.Room.Name) }},
	{key: "n", numeric: true, less: func(a, b DoseRow) int { return cmp.Compare(a.N, b.N) }},
	{key: "median", numeric: true, phone: face.Beside, less: func(a, b DoseRow) int { return cmp.Compare(a.Median, b.Median) }},
	{key: "interval", numeric: true, phone: face.Wide},
	{key: "glyph", phone: face.Drawn},
	{key: "ratio", numeric: true, phone: face.Wide, less: func(a, b DoseRow) int { return cmp.Compare(ratio(a), ratio(b)) }},
	{key: "level", numeric: true},
	{key: "state", less: func(a, b DoseRow) int { return cmp.Compare(weight(a), weight(b)) }},
}

// ratio returns the median as a multiple of the governing level, 0 without one.
func ratio(r DoseRow) float64 {
	if !r.compared() || r.Level.Value <= 0 {
		return 0
	}
	return r.Median / r.Level.Value
}

// weights order the shapes by how much they want attention.
var weights = []face.Shape{face.LoneDot, face.Dash, face.DottedRing, face.FilledDot, face.HalfDot, face.ArrowRing}

// weight returns how much a row wants attention; a note lifts it.
func weight(r DoseRow) int {
	w := 2 * slices.Index(weights, r.State.Shape)
	for _, n := range r.Notes {
		if n.Code == "low_check" {
			w++
		}
	}
	return w
}

// sortRows sorts by a column as the address names it. Without one, what wants
// attention comes first, and among equals the highest ratio.
func sortRows(rows []DoseRow, by string) {
	key, down := strings.CutPrefix(by, "-")
	for _, c := range doseColumns {
		if c.key == key && c.less != nil {
			slices.SortStableFunc(rows, func(a, b DoseRow) int {
				if down {
					return c.less(b, a)
				}
				return c.less(a, b)
			})
			return
		}
	}
	slices.SortStableFunc(rows, func(a, b DoseRow) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(ratio(b), ratio(a)))
	})
}

// levelTable makes the level table.
func (v *visit) levelTable(d doseView) face.Table {
	t := face.Table{
		ID: "levels", Caption: v.p.T("dose.levels"), Dense: d.here.query.Get("density") == "dense",
		Empty: doseNoRows(v, d),
	}
	for _, c := range doseColumns {
		col := face.Column{Label: v.p.T("dose.col_" + c.key), Hint: v.p.T("dose.hint_" + c.key), Numeric: c.numeric, Phone: c.phone}
		if c.less != nil {
			col.Sort, col.Sorted = sortLink(d.here, d.query.Sort, c.key)
		}
		t.Columns = append(t.Columns, col)
	}
	for _, r := range d.Rows {
		t.Rows = append(t.Rows, face.Row{
			ID: "row-" + r.ID, Open: d.open != nil && d.open.ID == r.ID,
			Href:  d.here.with("open", r.ID).String(),
			Cells: v.levelCells(r),
		})
	}
	return t
}

// sortLink returns the address that sorts by a column, turning the order if it
// is sorted so already, and how it is sorted now.
func sortLink(here address, by, key string) (string, face.Order) {
	here = here.without("open")
	switch by {
	case key:
		return here.with("sort", "-"+key).String(), face.Ascending
	case "-" + key:
		return here.with("sort", "").String(), face.Descending
	}
	return here.with("sort", key).String(), face.Unsorted
}

// levelCells makes the cells of a row, in the order of doseColumns.
func (v *visit) levelCells(r DoseRow) []templ.Component {
	p := v.p
	n, left := p.Count(int64(r.N)), ""
	if k := excludedTotal(r); k > 0 {
		left = p.T("dose.left_out", lang.Args{"n": k})
	}
	median, quartiles, interval := "–", "", "–"
	if r.N > 0 {
		median = p.Quantity(r.Median, r.Unit)
		quartiles = p.T("dose.quantity_quartiles", lang.Args{"quantity": p.T("quantity." + r.Quantity), "quartiles": v.span(r.Q1, r.Q3)})
	}
	if r.High > r.Low {
		interval = v.span(r.Low, r.High)
	}
	times := "–"
	if ratio(r) > 0 {
		times = p.Number(ratio(r), 2)
	}
	return []templ.Component{
		examCell(v, r), face.Words(r.Room.Name, v.sizeWords(r)),
		face.Words(n, left), face.Figures(median, quartiles), face.Figures(interval, ""),
		face.Mark(v.glyph(r)), face.Words(times, ""), levelCell(v, r), stateCell(r),
	}
}

// span prints a range that a line does not part.
func (v *visit) span(from, to float64) string {
	const joiner = "\u2060"
	return v.p.Sig(from) + joiner + "–" + joiner + v.p.Sig(to)
}

// sizeWords names the size group, and how many are of unknown size.
// It also says where measured values are mixed with others.
func (v *visit) sizeWords(r DoseRow) string {
	words := r.Size
	if r.SizeNote > 0 {
		words = v.p.T("dose.size_unknown", lang.Args{"size": r.Size, "k": r.SizeNote, "n": r.N})
	}
	if r.Calculated > 0 {
		words = v.p.T("dose.mixed_methods", lang.Args{"size": words, "k": r.Calculated, "n": r.Count})
	}
	return words
}

// chips returns the filters that are on.
func (d doseView) chips(v *visit) []face.Chip {
	var all []face.Chip
	for _, f := range []struct {
		key, value string
		choices    []face.Choice
	}{{"room", d.query.Room, d.Rooms}, {"exam", d.query.Exam, d.Exams}, {"size", d.query.Size, d.Sizes}} {
		if f.value == "" {
			continue
		}
		label := f.value
		if i := slices.IndexFunc(f.choices, func(c face.Choice) bool { return c.Code == f.value }); i >= 0 {
			label = f.choices[i].Label
		}
		all = append(all, face.Chip{Label: v.p.T("dose.filter_" + f.key), Value: label, Off: d.here.without(f.key, "open").String()})
	}
	return all
}
