package web

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Exchange passes studies on to peers.
type Exchange interface {
	// Exchange returns the page; with a study, the transfers of that study alone.
	Exchange(ctx context.Context, study string) (ExchangePage, error)
	// SetRule adds or changes a rule; a RefusalError for one that cannot be.
	SetRule(ctx context.Context, r ForwardRule) error
	RemoveRule(ctx context.Context, id string) error
	// SendStudy begins to send a study to a peer.
	SendStudy(ctx context.Context, study, peer, part string, again bool) error
	SendAgain(ctx context.Context, id string) error
	SendCancel(ctx context.Context, id string) error
}

// An ExchangePage is what the page shows.
type ExchangePage struct {
	Transfers []Transfer
	Waiting   int // transfers that wait or are being sent
	Failed    int
	Rules     []ForwardRule
	Peers     []face.Choice // that can be called
	Change    bool          // whoever asks may change rules
}

// A Transfer is a study on its way to a peer.
type Transfer struct {
	ID, Peer, Study, Title string // Title says which study, without patient
	Part                   string
	State, Reason, Detail  string
	Rule, By               string
	Total, Sent, Refused   int64
	Commitment             string // whether the peer answers for it: asked, committed …; "" is not asked
	Committed              int64
	Attempts               int64
	Updated                time.Time
}

// A ForwardRule says what goes to whom.
type ForwardRule struct {
	ID, Name, Peer, Part                       string
	Active                                     bool
	CallingAE, Modality, BodyPart, Description string // lists with spaces
	From, Until                                string // HH:MM
	Rest                                       int    // seconds
	DecidedBy                                  string
	Decided                                    time.Time
}

func (s *server) exchangeRoutes(g registrar) {
	if s.Exchange == nil {
		return
	}
	g.get("/images/exchange", access.TransferRead, s.exchangePage)
	g.post("/images/exchange/rule", access.RuleChange, s.exchangeRule)
	g.post("/images/exchange/rule/remove", access.RuleChange, s.exchangeRemove)
	g.post("/images/exchange/again", access.ObjectSend, s.exchangeAgain)
	g.post("/images/exchange/cancel", access.ObjectSend, s.exchangeCancel)
	g.get("/images/studies/{uid}/send", access.ObjectSend, s.sendPage)
	g.post("/images/studies/{uid}/send", access.ObjectSend, s.sendStudy)
}

// exchangePage shows rules and transfers.
func (s *server) exchangePage(v *visit) error { return v.showExchange(ForwardRule{}, nil) }

// showExchange shows the page; r and wrong are a form it has to give back.
func (v *visit) showExchange(r ForwardRule, wrong map[string]string) error {
	p, err := v.Exchange.Exchange(v.r.Context(), "")
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.exchange"), lead: v.p.T("exchange.lead"), section: "/images/exchange"}
	if wrong != nil {
		pg.status = 400
	} else if open := v.r.URL.Query().Get("open"); open != "" {
		for _, known := range p.Rules {
			if known.ID == open {
				r = known
			}
		}
	}
	if r.Name == "" && wrong == nil {
		r = ForwardRule{Active: true, Part: "all", Rest: 60}
	}
	return v.show(pg, exchangeBody(v, p, r, wrong))
}

// exchangeRule takes what somebody decides about a rule.
func (s *server) exchangeRule(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	get := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	r := ForwardRule{
		ID: get("id"), Name: get("name"), Peer: get("peer"), Part: get("part"), Active: get("active") != "",
		CallingAE: get("calling"), Modality: strings.ToUpper(get("modality")), BodyPart: strings.ToUpper(get("body")), Description: get("description"),
		From: get("from"), Until: get("until"),
	}
	wrong := map[string]string{}
	if text := get("rest"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			wrong["rest"] = v.p.T("exchange.wrong_rest")
		}
		r.Rest = n
	}
	for _, name := range []string{"from", "until"} {
		if text := get(name); text != "" {
			if _, err := time.Parse("15:04", text); err != nil {
				wrong[name] = v.p.T("exchange.wrong_hour")
			}
		}
	}
	if len(wrong) == 0 {
		err := s.Exchange.SetRule(v.r.Context(), r)
		if refused := v.refused(err); refused != nil {
			wrong = refused
		} else if err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return v.showExchange(r, wrong)
	}
	return v.back("/images/exchange", "rule_saved")
}

// exchangeRemove forgets a rule.
func (s *server) exchangeRemove(v *visit) error {
	return s.exchangeDo(v, s.Exchange.RemoveRule, "rule_removed")
}

// exchangeAgain has a transfer go on.
func (s *server) exchangeAgain(v *visit) error {
	return s.exchangeDo(v, s.Exchange.SendAgain, "send_again")
}

// exchangeCancel stops a transfer.
func (s *server) exchangeCancel(v *visit) error {
	return s.exchangeDo(v, s.Exchange.SendCancel, "send_cancelled")
}

func (*server) exchangeDo(v *visit, do func(context.Context, string) error, done string) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := do(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back("/images/exchange", done)
}

// sendPage asks where a study is to go.
func (s *server) sendPage(v *visit) error {
	uid := v.r.PathValue("uid")
	st, err := s.Studies.Study(v.r.Context(), uid)
	if err != nil {
		return err
	}
	p, err := s.Exchange.Exchange(v.r.Context(), uid)
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("send.title"), lead: joined(v.studyTitle(st.Row), orElse(st.Row.Patient, st.Row.ID), v.dicomDay(st.Row.Date)), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {v.studyTitle(st.Row), studyAddress(uid)}},
	}
	return v.show(pg, sendBody(v, st, p))
}

// sendStudy begins to send a study.
func (s *server) sendStudy(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	uid, f := v.r.PathValue("uid"), v.r.PostForm
	if err := s.Exchange.SendStudy(v.r.Context(), uid, f.Get("peer"), orElse(f.Get("part"), "all"), f.Get("again") != ""); err != nil {
		return err
	}
	return v.back(studyAddress(uid)+"/send", "send_began")
}

// transferTable lists transfers.
func (v *visit) transferTable(all []Transfer) face.Table {
	t := face.Table{
		ID: "transfers", Caption: v.p.T("exchange.transfers"), Dense: true,
		Empty: face.Nothing(v.p.T("exchange.none"), v.p.T("exchange.none_text")),
		Columns: []face.Column{
			{Label: v.p.T("exchange.study"), Phone: face.Name},
			{Label: v.p.T("exchange.peer"), Phone: face.Beside},
			{Label: v.p.T("exchange.state"), Phone: face.Drawn},
			{Label: v.p.T("exchange.sent"), Numeric: true},
			{Label: v.p.T("exchange.changed"), Phone: face.Wide},
			{Label: v.p.T("exchange.do")},
		},
	}
	for _, x := range all {
		t.Rows = append(t.Rows, face.Row{ID: "t-" + x.ID, Cells: []templ.Component{
			transferStudy(v, x), face.Words(x.Peer, ""), transferState(v, x),
			face.Figures(fmt.Sprintf("%s / %s", v.p.Count(x.Sent), v.p.Count(x.Total)), v.refusedOf(x)),
			face.Words(v.p.Date(v.local(x.Updated)), v.p.Time(v.local(x.Updated))), transferDo(v, x),
		}})
	}
	return t
}

// refusedOf says how many the peer refused.
func (v *visit) refusedOf(x Transfer) string {
	if x.Refused == 0 {
		return ""
	}
	return v.p.T("exchange.refused", lang.Args{"n": x.Refused})
}

// parts are how much of a study can go.
func (v *visit) parts() []face.Choice {
	return []face.Choice{{Code: "all", Label: v.p.T("exchange.part_all")}, {Code: "reports", Label: v.p.T("exchange.part_reports")}}
}

// ruleWords says what a rule does.
func (v *visit) ruleWords(r ForwardRule) string {
	words := []string{v.p.T("exchange.part_"+r.Part) + " → " + r.Peer}
	for _, c := range []struct{ label, value string }{
		{"studies.modality", r.Modality},
		{"exchange.calling", r.CallingAE},
		{"exchange.body", r.BodyPart},
		{"exchange.description", r.Description},
	} {
		if c.value != "" {
			words = append(words, v.p.T(c.label)+": "+c.value)
		}
	}
	if r.From != r.Until {
		words = append(words, r.From+"–"+r.Until)
	}
	words = append(words, v.p.T("exchange.rest_n", lang.Args{"n": r.Rest}))
	return strings.Join(words, " · ")
}
