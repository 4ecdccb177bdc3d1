package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Protocols knows the protocols of scanners, what a change of one did, and how dose
// checks are set up.
type Protocols interface {
	// Protocols returns every protocol that examinations were made with.
	Protocols(ctx context.Context, language string) ([]ScanProtocol, error)
	// Protocol returns one with its versions, the latest first. NotFound: there is none.
	Protocol(ctx context.Context, id, language string) (ScanProtocol, error)
	// CompareProtocols sets two sides beside each other. NotFound: one is not there.
	CompareProtocols(ctx context.Context, a, b ProtocolSide, language string) (ProtocolComparison, error)
	// ProtocolFile writes a part of the pages as a file, and notes that it was taken.
	// NotFound: a side of a comparison is not there.
	ProtocolFile(ctx context.Context, w io.Writer, language string, f ProtocolExport) error
	// ProposeProtocol proposes that the first side becomes as the second, as an action
	// with a due date. Invalid: they do not differ, or nothing says why.
	ProposeProtocol(ctx context.Context, a, b ProtocolSide, why, due string) error
	// DoseChecks returns how dose checks are set up, room by room.
	DoseChecks(ctx context.Context) ([]DoseCheckRoom, error)
}

// A ProtocolExport is what is taken along of the pages of protocols.
type ProtocolExport struct {
	Part   string // one of the parts below
	Format ExportFormat
	A, B   ProtocolSide // of a comparison
}

// The parts that can be taken along: a row for each version, each setting of a
// comparison, each dose of it.
const (
	ProtocolRegister = "register"
	ProtocolSettings = "settings"
	ProtocolEffects  = "effects"
)

// A ScanProtocol is what a machine calls by one name.
type ScanProtocol struct {
	ID          string
	Room        RoomRef
	Name        string // as the machine sends it, "" if it sends none
	Type        string // of acquisition
	Modality    string
	First, Last string // days
	N           int    // studies
	Summary     string // settings of the current version
	Versions    []ProtocolVersion
}

// A ProtocolVersion is a time through which a protocol was as it was.
type ProtocolVersion struct {
	Number      int
	First, Last string
	N           int
	Changed     []ProtocolChange // what began it
	Effect      *ProtocolEffect  // against the version before; nil if nothing was measured
}

// A ProtocolChange is a setting before and after.
type ProtocolChange struct{ Label, From, To string }

// A ProtocolSide is one of two that are compared.
type ProtocolSide struct {
	ID       string
	Version  int // 0: all
	From, To string
}

// A ProtocolEffect is a ratio of medians with its interval.
type ProtocolEffect struct {
	Quantity, Unit string
	A, B           float64 // medians
	NA, NB         int
	Ratio          float64 // 0: there is none
	Low, High      float64
	Interval       bool
	Certain        bool
}

// A ProtocolRow is one setting on both sides.
type ProtocolRow struct {
	Label, Unit, A, B string
	Differ            bool
}

// A ProtocolComparison is two sides beside each other.
type ProtocolComparison struct {
	A, B         ProtocolSide
	NameA, NameB string
	NA, NB       int
	Rows         []ProtocolRow
	Effects      []ProtocolEffect
	Choices      []face.Choice // of sides
}

// A DoseCheckRoom is how the dose checks of one machine are set up.
type DoseCheckRoom struct {
	Room         RoomRef
	Examinations int
	Exceeding    int
	PerThousand  float64
	Whole        []DoseCheckGroup
	Protocols    []DoseCheckGroup
	Exceedances  []DoseExceedance
}

// A DoseCheckGroup is a dose check for one quantity.
type DoseCheckGroup struct {
	Protocol, Kind, Quantity, State string
	Values                          string
	Exceeded, NoReason              int
	Odd                             bool // absent or far above the others
}

// A DoseExceedance is a forward estimate above its value.
type DoseExceedance struct {
	Study, Day, Protocol, Kind, Quantity, Unit string
	Value, Estimate                            float64
	Reason, Role                               string
}

const protocolsAt = "/dose/protocols"

// ProtocolAt is the address of the history of a protocol.
func ProtocolAt(id string) string { return protocolsAt + "/versions/" + id }

// DeviceAt is the address of the history of a machine.
func DeviceAt(machine string) string { return deviceAt(machine) }

func (s *server) protocolRoutes(g registrar) {
	if s.Protocols == nil {
		return
	}
	g.get(protocolsAt, access.AggregateRead, s.protocolsPage)
	g.get(protocolsAt+"/versions/{id}", access.AggregateRead, s.protocolPage)
	g.get(protocolsAt+"/compare", access.AggregateRead, s.protocolCompare)
	g.get(protocolsAt+"/export", access.TableExport, s.protocolExport)
	g.post(protocolsAt+"/propose", access.FindingDecide, s.protocolPropose)
	g.get(protocolsAt+"/checks", access.ExaminationRead, s.doseChecks)
}

// protocolsPage lists the protocols.
func (s *server) protocolsPage(v *visit) error {
	all, err := s.Protocols.Protocols(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := v.p
	t := face.Table{
		ID: "protocols", Caption: p.T("protocols.title"), Empty: face.Nothing(p.T("protocols.none"), p.T("protocols.none_text")),
		Columns: []face.Column{
			{Label: p.T("protocols.name"), Phone: face.Name},
			{Label: p.T("dose.col_room"), Phone: face.Drawn},
			{Label: p.T("protocols.settings"), Phone: face.Wide},
			{Label: p.T("protocols.first")},
			{Label: p.T("protocols.last")},
			{Label: p.T("protocols.versions"), Numeric: true},
			{Label: p.T("protocols.n"), Numeric: true, Phone: face.Beside},
		},
	}
	for _, x := range all {
		t.Rows = append(t.Rows, face.Row{ID: "p-" + x.ID, Href: protocolsAt + "/versions/" + x.ID, Cells: []templ.Component{
			face.Words(v.protocolName(x.Name), x.Modality+" "+v.word("acquisition.", x.Type)), face.Words(x.Room.Name, ""), face.Words(x.Summary, ""),
			face.Words(x.First, ""), face.Words(x.Last, ""), face.Words(p.Count(int64(len(x.Versions))), ""), face.Words(p.Count(int64(x.N)), ""),
		}})
	}
	return v.show(page{title: p.T("protocols.title"), lead: p.T("protocols.lead"), section: protocolsAt, actions: protocolLinks(v)}, protocolRegister(v, t))
}

// protocolName says a name, and that there is none.
func (v *visit) protocolName(name string) string { return orElse(name, v.p.T("protocols.unnamed")) }

// protocolPage shows one with its versions.
func (s *server) protocolPage(v *visit) error {
	x, err := s.Protocols.Protocol(v.r.Context(), v.r.PathValue("id"), v.p.Tag())
	if err != nil {
		return err
	}
	p := v.p
	t := face.Table{
		ID: "versions", Caption: p.T("protocols.versions"),
		Columns: []face.Column{
			{Label: p.T("protocols.version"), Phone: face.Name},
			{Label: p.T("protocols.first"), Phone: face.Drawn},
			{Label: p.T("protocols.last")},
			{Label: p.T("protocols.changed")},
			{Label: p.T("protocols.effect"), Hint: p.T("protocols.effect_hint")},
			{Label: p.T("protocols.n"), Numeric: true, Phone: face.Beside},
		},
	}
	for _, ver := range x.Versions {
		effect, changed := p.T("protocols.no_effect"), p.T("protocols.first_version")
		if ver.Effect != nil {
			effect = v.protocolRatio(*ver.Effect)
		}
		if len(ver.Changed) > 0 {
			var parts []string
			for _, c := range ver.Changed {
				parts = append(parts, c.Label+": "+orElse(c.From, "–")+" → "+orElse(c.To, "–"))
			}
			changed = strings.Join(parts, "; ")
		}
		row := face.Row{ID: "v-" + strconv.Itoa(ver.Number), Cells: []templ.Component{
			face.Words(p.Count(int64(ver.Number)), ""), face.Words(ver.First, ""), face.Words(ver.Last, ""), face.Words(changed, ""), face.Words(effect, ""),
			face.Words(p.Count(int64(ver.N)), ""),
		}}
		if ver.Number > 1 {
			row.Href = sidesAddress(ProtocolSide{ID: x.ID, Version: ver.Number - 1}, ProtocolSide{ID: x.ID, Version: ver.Number}, false)
		}
		t.Rows = append(t.Rows, row)
	}
	pg := page{
		title: v.protocolName(x.Name), lead: x.Room.Name + " · " + x.Modality + " " + v.word("acquisition.", x.Type) + " · " + x.Summary, section: protocolsAt,
		crumbs: []crumb{{p.T("protocols.title"), protocolsAt}}, actions: protocolLinks(v),
	}
	return v.show(pg, face.Rows(p, t))
}

// protocolRatio says an effect with its interval.
func (v *visit) protocolRatio(e ProtocolEffect) string {
	if e.Ratio == 0 {
		return v.p.T("protocols.no_effect")
	}
	args := lang.Args{"quantity": v.p.T("protocols.q_" + e.Quantity), "ratio": v.p.Sig(e.Ratio), "low": v.p.Sig(e.Low), "high": v.p.Sig(e.High)}
	switch {
	case !e.Interval:
		return v.p.T("protocols.ratio_alone", args)
	case e.Certain:
		return v.p.T("protocols.ratio_certain", args)
	}
	return v.p.T("protocols.ratio_uncertain", args)
}

// sidesAddress returns the address of a comparison.
func sidesAddress(a, b ProtocolSide, all bool) string {
	q := url.Values{}
	sidesInto(q, a, b)
	if all {
		q.Set("all", "1")
	}
	return protocolsAt + "/compare?" + q.Encode()
}

// sidesInto writes both sides into a query.
func sidesInto(q url.Values, a, b ProtocolSide) {
	for name, side := range map[string]ProtocolSide{"a": a, "b": b} {
		q.Set(name, side.code())
		if side.From != "" {
			q.Set("from_"+name, side.From)
		}
		if side.To != "" {
			q.Set("to_"+name, side.To)
		}
	}
}

// code names a side in a form: the protocol and its version.
func (s ProtocolSide) code() string {
	if s.ID == "" {
		return ""
	}
	return s.ID + "." + strconv.Itoa(s.Version)
}

// sideOf reads a side of a form.
func sideOf(q url.Values, name string) ProtocolSide {
	id, version, _ := strings.Cut(q.Get(name), ".")
	n, err := strconv.Atoi(version)
	if err != nil || n < 0 {
		n = 0
	}
	return ProtocolSide{ID: id, Version: n, From: q.Get("from_" + name), To: q.Get("to_" + name)}
}

// protocolCompare shows two sides beside each other.
func (s *server) protocolCompare(v *visit) error {
	q := v.r.URL.Query()
	c, err := s.Protocols.CompareProtocols(v.r.Context(), sideOf(q, "a"), sideOf(q, "b"), v.p.Tag())
	if err != nil {
		return err
	}
	return v.showCompared(c, q.Get("all") != "", nil)
}

// showCompared shows a comparison, and what is wrong with a proposal.
func (v *visit) showCompared(c ProtocolComparison, all bool, wrong map[string]string) error {
	pg := page{
		title: v.p.T("protocols.compare"), lead: v.p.T("protocols.compare_lead"), section: protocolsAt,
		crumbs: []crumb{{v.p.T("protocols.title"), protocolsAt}},
	}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, protocolCompared(v, c, all, wrong))
}

// comparedRows lists settings that differ, or all of them.
func (v *visit) comparedRows(c ProtocolComparison, all bool) face.Table {
	p := v.p
	t := face.Table{
		ID: "settings", Caption: p.T("protocols.settings"), Empty: face.Nothing(p.T("protocols.same"), p.T("protocols.same_text")),
		Columns: []face.Column{
			{Label: p.T("protocols.setting"), Phone: face.Name}, {Label: c.NameA, Phone: face.Drawn}, {Label: c.NameB, Phone: face.Beside}, {Label: p.T("protocols.differ")},
		},
	}
	for _, r := range c.Rows {
		if !all && !r.Differ {
			continue
		}
		t.Rows = append(t.Rows, face.Row{ID: "s-" + r.Label, Cells: []templ.Component{
			face.Words(r.Label, r.Unit), face.Words(orElse(r.A, "–"), ""), face.Words(orElse(r.B, "–"), ""), face.Words(v.yesNo(r.Differ), ""),
		}})
	}
	return t
}

// doseEffectRows lists what both sides gave.
func (v *visit) doseEffectRows(c ProtocolComparison) face.Table {
	p := v.p
	t := face.Table{
		ID: "effects", Caption: p.T("protocols.effects"), Empty: face.Nothing(p.T("protocols.no_effect"), p.T("protocols.no_effect_text")),
		Columns: []face.Column{
			{Label: p.T("protocols.quantity"), Phone: face.Name},
			{Label: c.NameA, Numeric: true},
			{Label: "n", Numeric: true},
			{Label: c.NameB, Numeric: true},
			{Label: "n", Numeric: true},
			{Label: p.T("protocols.effect"), Hint: p.T("protocols.effect_hint"), Phone: face.Beside},
		},
	}
	for _, e := range c.Effects {
		t.Rows = append(t.Rows, face.Row{ID: "e-" + e.Quantity, Cells: []templ.Component{
			face.Words(p.T("protocols.q_"+e.Quantity), e.Unit), face.Words(p.Sig(e.A), ""), face.Words(p.Count(int64(e.NA)), ""),
			face.Words(p.Sig(e.B), ""), face.Words(p.Count(int64(e.NB)), ""), face.Words(v.protocolRatio(e), ""),
		}})
	}
	return t
}

// protocolFile is the address of an export.
func protocolFile(part string, format ExportFormat, a, b ProtocolSide) string {
	q := url.Values{"part": {part}, "format": {string(format)}}
	if part != ProtocolRegister {
		sidesInto(q, a, b)
	}
	return protocolsAt + "/export?" + q.Encode()
}

// protocolExport hands out a part of the pages.
func (s *server) protocolExport(v *visit) error {
	q := v.r.URL.Query()
	f := ProtocolExport{Part: orElse(q.Get("part"), ProtocolRegister), Format: ExportFormat(orElse(q.Get("format"), string(CSV))), A: sideOf(q, "a"), B: sideOf(q, "b")}
	switch {
	case mediaTypes[f.Format] == "" || !slices.Contains([]string{ProtocolRegister, ProtocolSettings, ProtocolEffects}, f.Part):
		return fault.Errorf(fault.Invalid, "no export of part %q as %q", f.Part, f.Format)
	case f.Part != ProtocolRegister && (f.A.ID == "" || f.B.ID == ""):
		return fault.Errorf(fault.Invalid, "a comparison has two sides: choose both, then take it along")
	}
	var b bytes.Buffer
	if err := s.Protocols.ProtocolFile(v.r.Context(), &b, v.p.Tag(), f); err != nil {
		return err
	}
	v.attach("protocols-"+f.Part+"-"+v.now().Format("2006-01-02")+"."+string(f.Format), mediaTypes[f.Format])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// protocolPropose proposes a change to a room.
func (s *server) protocolPropose(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f, ctx := v.r.PostForm, v.r.Context()
	a, b := sideOf(f, "a"), sideOf(f, "b")
	err := s.Protocols.ProposeProtocol(ctx, a, b, f.Get("why"), f.Get("due"))
	if fault.Of(err) == fault.Invalid {
		c, failed := s.Protocols.CompareProtocols(ctx, a, b, v.p.Tag())
		if failed != nil {
			return failed
		}
		return v.showCompared(c, false, map[string]string{"why": v.p.T("protocols.wrong_proposal")})
	}
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, sidesAddress(a, b, false)+"&done=1", http.StatusSeeOther)
	return nil
}

// doseChecks shows how dose checks are set up, rooms side by side.
func (s *server) doseChecks(v *visit) error {
	all, err := s.Protocols.DoseChecks(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("protocols.checks"), lead: v.p.T("protocols.checks_lead"), section: protocolsAt,
		crumbs: []crumb{{v.p.T("protocols.title"), protocolsAt}},
	}
	return v.show(pg, doseCheckBody(v, all))
}

// checkTable sets rooms beside each other; by protocol if the groups have one.
func (v *visit) checkTable(all []DoseCheckRoom, byProtocol bool) face.Table {
	p := v.p
	t := face.Table{
		ID: "checks", Caption: p.T("protocols.checks"), Empty: face.Nothing(p.T("protocols.no_checks"), p.T("protocols.no_checks_text")),
		Columns: []face.Column{
			{Label: p.T("dose.col_room"), Phone: face.Name},
			{Label: p.T("protocols.check")},
			{Label: p.T("protocols.configured"), Phone: face.Drawn},
			{Label: p.T("protocols.value"), Phone: face.Beside},
			{Label: p.T("protocols.exceeded"), Numeric: true},
			{Label: p.T("protocols.no_reason"), Numeric: true},
		},
	}
	if byProtocol {
		t.ID = "checks-protocols"
	}
	for _, room := range all {
		groups := room.Whole
		if byProtocol {
			groups = room.Protocols
		}
		for i, g := range groups {
			second := g.Protocol
			if !byProtocol {
				second = p.T("protocols.per_thousand", lang.Args{"n": p.Sig(room.PerThousand), "exams": room.Examinations})
			}
			state := p.T("protocols.state_" + g.State)
			note := ""
			if g.Odd {
				note = p.T("protocols.odd")
			}
			t.Rows = append(t.Rows, face.Row{ID: t.ID + "-" + room.Room.ID + "-" + strconv.Itoa(i), Cells: []templ.Component{
				face.Words(room.Room.Name, second), face.Words(p.T("protocols.kind_"+g.Kind), p.T("protocols.q_"+g.Quantity)), face.Words(state, note),
				face.Words(orElse(g.Values, "–"), ""), face.Words(p.Count(int64(g.Exceeded)), ""), face.Words(p.Count(int64(g.NoReason)), ""),
			}})
		}
	}
	return t
}

// exceedanceTable lists what was exceeded, with its reason.
func (v *visit) exceedanceTable(all []DoseCheckRoom) face.Table {
	p := v.p
	t := face.Table{
		ID: "exceeded", Caption: p.T("protocols.exceedances"), Empty: face.Nothing(p.T("protocols.no_exceedance"), p.T("protocols.no_exceedance_text")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("protocols.name")},
			{Label: p.T("protocols.check")},
			{Label: p.T("protocols.estimate"), Phone: face.Beside},
			{Label: p.T("protocols.reason"), Phone: face.Drawn},
		},
	}
	for _, room := range all {
		for i, x := range room.Exceedances {
			if i == 50 {
				break
			}
			t.Rows = append(t.Rows, face.Row{ID: "x-" + room.Room.ID + "-" + strconv.Itoa(i), Cells: []templ.Component{
				face.Words(x.Day, ""), face.Words(room.Room.Name, ""), face.Words(v.protocolName(x.Protocol), ""),
				face.Words(p.T("protocols.kind_"+x.Kind), p.T("protocols.q_"+x.Quantity)),
				face.Words(p.Quantity(x.Estimate, x.Unit), p.T("protocols.above", lang.Args{"value": p.Quantity(x.Value, x.Unit)})),
				face.Words(orElse(x.Reason, p.T("protocols.reason_none")), x.Role),
			}})
		}
	}
	return t
}
