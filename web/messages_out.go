package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// outStates are those the list of outgoing messages can be filtered by.
var outStates = []string{"queued", "sent", "refused", "failed", "replaced", "removed"}

// outKinds are what a receiver can be told.
var outKinds = []string{"dose", "status", "changes"}

// receiverSet keeps what was decided about a receiver.
func (s *server) receiverSet(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	get := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	err := s.Messages.SetReceiver(v.r.Context(), MessageReceiver{
		ID: get("id"), Name: get("name"), Address: get("address"), TLS: get("tls") != "", Certificate: get("certificate"), Version: get("version"),
		Form: get("form"), Enhanced: get("enhanced") != "", Application: get("application"), Facility: get("facility"),
		ToApplication: get("to_application"), ToFacility: get("to_facility"), Charset: get("charset"), Language: get("language"), Home: get("home"),
		Mapping: get("mapping"), State: get("state"), Kinds: f["kinds"],
	})
	if k := fault.Of(err); k == fault.Invalid || k == fault.Conflict || k == fault.NotFound || k == fault.Unsupported {
		v.w.WriteHeader(http.StatusUnprocessableEntity)
		return v.showMessages(map[string]string{"": err.Error()})
	} else if err != nil {
		return err
	}
	return v.back(messagesAddress, "receiver")
}

// outPage shows one outgoing message.
func (s *server) outPage(v *visit) error { return v.showOut("") }

func (v *visit) showOut(wrong string) error {
	p, err := v.Messages.OutMessage(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.show(page{title: orElse(p.Code, v.p.T("messages.unwritten")), lead: v.since(p.At), section: messagesAddress}, outBody(v, p, wrong))
}

// outDo sends an outgoing message again, corrects it or sets it aside.
func (s *server) outDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f, id := v.r.PostForm, v.r.PathValue("id")
	reason := strings.TrimSpace(f.Get("reason"))
	var err error
	switch f.Get("do") {
	case "send":
		id, err = s.Messages.SendMessage(v.r.Context(), id, "", reason)
	case "correct":
		id, err = s.Messages.SendMessage(v.r.Context(), id, f.Get("message"), reason)
	case "remove":
		err = s.Messages.DropMessage(v.r.Context(), id, reason)
	default:
		return fault.Errorf(fault.Invalid, "nothing is to be done")
	}
	if k := fault.Of(err); err != nil && (k == fault.Invalid || k == fault.Conflict) {
		v.w.WriteHeader(http.StatusUnprocessableEntity)
		return v.showOut(err.Error())
	} else if err != nil {
		return err
	}
	return v.back(messagesAddress+"/out/"+url.PathEscape(id), "message")
}

// receiverRow is a receiver in the table of systems.
func (v *visit) receiverRow(p MessagesPage, c MessageReceiver) face.Row {
	backlog := face.Figures(v.p.Count(c.Backlog), "")
	if !c.Oldest.IsZero() {
		backlog = face.Figures(v.p.Count(c.Backlog), v.since(c.Oldest))
	}
	return face.Row{ID: "r-" + c.ID, Cells: []templ.Component{
		receiverName(v, p, c), receiverState(v, c), receiverLast(v, c),
		face.Figures(v.p.Count(c.Day), v.p.T("messages.hour", lang.Args{"n": c.Hour})), backlog, receiverTrouble(v, c),
	}}
}

// told says what a receiver is told.
func (v *visit) told(c MessageReceiver) string {
	var all []string
	for _, k := range c.Kinds {
		all = append(all, v.p.T("messages.tells_"+k))
	}
	return strings.Join(all, ", ")
}

// worded makes choices of codes whose words begin with a key.
func (v *visit) worded(key string, codes ...string) (all []face.Choice) {
	for _, c := range codes {
		all = append(all, face.Choice{Code: c, Label: v.p.T(key + c)})
	}
	return all
}

// outFacts says where an outgoing message goes.
func (v *visit) outFacts(p MessagePage) []face.Fact {
	all := []face.Fact{
		{Label: v.p.T("messages.receiver"), Value: p.Channel},
		{Label: v.p.T("messages.control"), Value: p.Control},
		{Label: v.p.T("messages.made"), Value: v.since(p.At)},
	}
	if !p.Event.IsZero() {
		all = append(all, face.Fact{Label: v.p.T("messages.answered"), Value: v.since(p.Event)})
	}
	if p.Replaces != "" {
		all = append(all, face.Fact{Label: v.p.T("messages.replaces"), Value: p.Replaces, Href: messagesAddress + "/out/" + p.Replaces})
	}
	return all
}
