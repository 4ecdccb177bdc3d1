package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Messages shows the systems that send messages and what came of these.
type Messages interface {
	Messages(ctx context.Context, q MessageQuery) (MessagesPage, error)
	Message(ctx context.Context, id string) (MessagePage, error)
	// TryMessage says what a message would change, through a mapping.
	TryMessage(ctx context.Context, mapping, text string) (MessagePage, error)
	SetChannel(ctx context.Context, c MessageChannel) error
	// ReplayMessage gives a message its turn again; with a text, corrected by it. It
	// returns the message that has its turn.
	ReplayMessage(ctx context.Context, id, text, reason string) (string, error)
	RemoveMessage(ctx context.Context, id, reason string) error

	SetReceiver(ctx context.Context, c MessageReceiver) error
	OutMessage(ctx context.Context, id string) (MessagePage, error)
	// SendMessage gives an outgoing message its turn again; with a text, corrected by it.
	// It returns the message that has its turn.
	SendMessage(ctx context.Context, id, text, reason string) (string, error)
	DropMessage(ctx context.Context, id, reason string) error
}

// A MessageQuery says which messages are asked for. Empty fields ask nothing.
type MessageQuery struct {
	Channel, State, Code, Control, Patient, Before string
	Sender, Receiver                               string // whose settings are shown
	Out                                            bool   // those that we send, not those that we received
}

// A MessagesPage is what the page of all shows.
type MessagesPage struct {
	Lines     []string // where messages are taken, as addresses
	Nameless  bool
	MayChange bool // channels
	MayFind   bool // by patient
	Channels  []MessageChannel
	Receivers []MessageReceiver
	Languages []face.Choice
	Messages  []MessageRow
	Mappings  []face.Choice
	More      string // of the last message, "" if there are no more
}

// A MessageChannel is a sender, and what came over it.
type MessageChannel struct {
	ID, Name, Application, Facility, State string
	Addresses                              []string
	Mapping, Zone, Home, Charset           string
	WaitUnknown, UseSizes                  bool
	SilenceMinutes, Knocked                int
	Last                                   time.Time
	LastFrom                               string
	Hour, Day, Backlog, Waiting, Failed    int64
	Oldest                                 time.Time // of the backlog
	Silent                                 bool
}

// A MessageReceiver is a system that we send messages to, and what goes to it.
type MessageReceiver struct {
	ID, Name, Address, Certificate, Version, Form string
	TLS, Enhanced                                 bool
	Application, Facility                         string // ours
	ToApplication, ToFacility                     string
	Charset, Language, Home, Mapping, State       string
	Kinds                                         []string
	Last, FailingAt, Oldest                       time.Time
	Failures                                      int
	Trouble                                       string
	Hour, Day, Backlog, Refused, Failed           int64
}

// A MessageRow is one message in a list. It names nobody.
type MessageRow struct {
	ID, Channel, Control, Code, State, Reason string
	At, Event                                 time.Time
}

// A MessagePage is one message, or one that is tried.
type MessagePage struct {
	MessageRow
	By, Replaces string
	Problems     []MessageProblem
	Says         []MessageSaying
	Segments     []face.Node // as it was sent
	Raw          string      // with lines for segments
	MayChange    bool
	Mappings     []face.Choice
	Emptied      bool   // its content was kept for as long as it is
	Answer       string // of an outgoing message, with lines for segments
}

// A MessageSaying is one thing that a message says.
type MessageSaying struct {
	About   string // patient, name, order …
	Value   string // "" if it is withdrawn
	Origin  string // as it came
	Control string // of an order: new, change, cancel …
}

// A MessageProblem is something in a message that could not be used.
// Key names its text, messages.problem_…; without one What tells it, in English.
type MessageProblem struct{ At, Key, What string }

const messagesAddress = "/settings/messages"

func (s *server) messageRoutes(g registrar) {
	if s.Messages == nil {
		return
	}
	g.get(messagesAddress, access.ChannelRead, s.messagesPage)
	g.post(messagesAddress, access.ChannelChange, s.channelSet)
	g.get(messagesAddress+"/try", access.ChannelRead, s.messageTryPage)
	g.upload(messagesAddress+"/try", access.ChannelRead, mostMessage, s.messageTry)
	g.post(messagesAddress+"/receivers", access.ReceiverChange, s.receiverSet)
	g.get(messagesAddress+"/out/{id}", access.PageRead, s.outPage) // the room asks about the patient
	g.upload(messagesAddress+"/out/{id}", access.PageRead, mostMessage, s.outDo)
	g.get(messagesAddress+"/{id}", access.PageRead, s.messagePage) // the room asks about the patient
	g.upload(messagesAddress+"/{id}", access.PageRead, mostMessage, s.messageDo)
}

// messageStates are those the list can be filtered by.
var messageStates = []string{"received", "applied", "waiting", "failed", "duplicate", "replaced", "removed"}

func (s *server) messagesPage(v *visit) error { return v.showMessages(nil) }

// showMessages shows channels and messages, with what is wrong with a channel.
func (v *visit) showMessages(wrong map[string]string) error {
	get := func(name string) string { return strings.TrimSpace(v.r.URL.Query().Get(name)) }
	q := MessageQuery{Channel: get("channel"), State: get("state"), Code: get("code"), Control: get("control"), Patient: get("patient"), Before: get("before"), Sender: get("sender"), Receiver: get("receiver"), Out: get("direction") == "out"}
	if q.State != "" && !slices.Contains(messageStates, q.State) && !slices.Contains(outStates, q.State) {
		return fault.Errorf(fault.Invalid, "no state of a message")
	}
	p, err := v.Messages.Messages(v.r.Context(), q)
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.messages"), lead: v.p.T("messages.lead"), section: messagesAddress, actions: messagesActions(v)}, messagesBody(v, p, q, wrong))
}

// channelSet keeps what was decided about a sender.
func (s *server) channelSet(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	silence, err := strconv.Atoi(orElse(f.Get("silence"), "0"))
	if err != nil {
		return v.showMessages(map[string]string{"": v.p.T("messages.wrong_silence")})
	}
	err = s.Messages.SetChannel(v.r.Context(), MessageChannel{
		ID: f.Get("id"), Name: strings.TrimSpace(f.Get("name")), Application: strings.TrimSpace(f.Get("application")),
		Facility: strings.TrimSpace(f.Get("facility")), State: f.Get("state"), Addresses: strings.Fields(f.Get("addresses")),
		Mapping: f.Get("mapping"), Zone: strings.TrimSpace(f.Get("zone")), Home: strings.TrimSpace(f.Get("home")),
		Charset: strings.TrimSpace(f.Get("charset")), WaitUnknown: f.Get("unknown") != "", UseSizes: f.Get("sizes") != "", SilenceMinutes: silence,
	})
	if k := fault.Of(err); k == fault.Invalid || k == fault.Conflict || k == fault.NotFound {
		v.w.WriteHeader(http.StatusUnprocessableEntity)
		return v.showMessages(map[string]string{"": err.Error()})
	} else if err != nil {
		return err
	}
	return v.back(messagesAddress, "channel")
}

func (s *server) messageTryPage(v *visit) error { return v.showTry(MessagePage{}, "", "") }

// mostMessage bounds a form with a message, in bytes.
const mostMessage = 4 << 20

// messageTry says what a pasted message would change. Nothing of it is kept.
func (s *server) messageTry(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	text := v.r.PostForm.Get("message")
	p, err := s.Messages.TryMessage(v.r.Context(), v.r.PostForm.Get("mapping"), text)
	wrong := ""
	if k := fault.Of(err); err != nil && (k == fault.Invalid || k == fault.Unsupported || k == fault.Exhausted || k == fault.NotFound) {
		wrong, err = err.Error(), nil
	}
	if err != nil {
		return err
	}
	p.Raw = text
	return v.showTry(p, v.r.PostForm.Get("mapping"), wrong)
}

func (v *visit) showTry(p MessagePage, mapping, wrong string) error {
	all, err := v.Messages.Messages(v.r.Context(), MessageQuery{State: "received"})
	if err != nil {
		return err
	}
	p.Mappings = all.Mappings
	return v.show(page{title: v.p.T("messages.try"), lead: v.p.T("messages.try_lead"), section: messagesAddress}, messageTryBody(v, p, mapping, wrong))
}

// messagePage shows one message.
func (s *server) messagePage(v *visit) error { return v.showMessage("") }

func (v *visit) showMessage(wrong string) error {
	p, err := v.Messages.Message(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.show(page{title: orElse(p.Code, v.p.T("messages.unreadable")), lead: v.since(p.At), section: messagesAddress}, messageBody(v, p, wrong))
}

// messageDo replays, corrects or sets a message aside.
func (s *server) messageDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f, id := v.r.PostForm, v.r.PathValue("id")
	reason := strings.TrimSpace(f.Get("reason"))
	var err error
	switch f.Get("do") {
	case "replay":
		id, err = s.Messages.ReplayMessage(v.r.Context(), id, "", reason)
	case "correct":
		id, err = s.Messages.ReplayMessage(v.r.Context(), id, f.Get("message"), reason)
	case "remove":
		err = s.Messages.RemoveMessage(v.r.Context(), id, reason)
	default:
		return fault.Errorf(fault.Invalid, "nothing is to be done")
	}
	if k := fault.Of(err); err != nil && (k == fault.Invalid || k == fault.Conflict) {
		v.w.WriteHeader(http.StatusUnprocessableEntity)
		return v.showMessage(err.Error())
	} else if err != nil {
		return err
	}
	return v.back(messagesAddress+"/"+url.PathEscape(id), "message")
}

// channelTable lists the senders.
func (v *visit) channelTable(p MessagesPage) face.Table {
	t := face.Table{
		ID: "channels", Caption: v.p.T("messages.channels"), Dense: true,
		Empty: face.Nothing(v.p.T("messages.no_channel"), v.p.T("messages.no_channel_text")),
		Columns: []face.Column{
			{Label: v.p.T("messages.system"), Phone: face.Name},
			{Label: v.p.T("messages.state"), Phone: face.Beside},
			{Label: v.p.T("messages.last"), Phone: face.Drawn},
			{Label: v.p.T("messages.day"), Numeric: true, Phone: face.Wide},
			{Label: v.p.T("messages.backlog"), Numeric: true, Phone: face.Wide},
			{Label: v.p.T("messages.attention"), Numeric: true},
		},
	}
	for _, c := range p.Channels {
		backlog := face.Figures(v.p.Count(c.Backlog), "")
		if !c.Oldest.IsZero() {
			backlog = face.Figures(v.p.Count(c.Backlog), v.since(c.Oldest))
		}
		t.Rows = append(t.Rows, face.Row{ID: "c-" + c.ID, Cells: []templ.Component{
			channelName(v, p, c), channelState(v, c), channelLast(v, c),
			face.Figures(v.p.Count(c.Day), v.p.T("messages.hour", lang.Args{"n": c.Hour})), backlog, channelTrouble(v, c),
		}})
	}
	for _, c := range p.Receivers {
		t.Rows = append(t.Rows, v.receiverRow(p, c))
	}
	return t
}

// messageTable lists messages.
func (v *visit) messageTable(p MessagesPage, q MessageQuery) face.Table {
	t := face.Table{
		ID: "messages", Caption: v.p.T("messages.messages"), Dense: true,
		Empty: face.Nothing(v.p.T("messages.none"), v.p.T("messages.none_text")),
		Columns: []face.Column{
			{Label: v.p.T(map[bool]string{false: "messages.arrived", true: "messages.made"}[q.Out]), Phone: face.Name},
			{Label: v.p.T("messages.kind"), Phone: face.Beside},
			{Label: v.p.T("messages.system"), Phone: face.Wide},
			{Label: v.p.T("messages.control"), Phone: face.Wide},
			{Label: v.p.T("messages.state"), Phone: face.Drawn},
		},
	}
	names := map[string]string{}
	for _, c := range p.Channels {
		names[c.ID] = c.Name
	}
	for _, c := range p.Receivers {
		names[c.ID] = c.Name
	}
	for _, m := range p.Messages {
		t.Rows = append(t.Rows, face.Row{ID: "m-" + m.ID, Cells: []templ.Component{
			messageLink(v, m, q.Out), face.Words(orElse(m.Code, v.p.T("messages.unreadable")), ""), face.Words(names[m.Channel], ""),
			face.Words(m.Control, ""), v.stateOf(m, q.Out),
		}})
	}
	if p.More != "" {
		next := url.Values{}
		for name, value := range map[string]string{"channel": q.Channel, "state": q.State, "code": q.Code, "control": q.Control, "patient": q.Patient, "before": p.More} {
			if value != "" {
				next.Set(name, value)
			}
		}
		if q.Out {
			next.Set("direction", "out")
		}
		t.Next = messagesAddress + "?" + next.Encode()
	}
	return t
}

// stateOf says what became of a message.
func (v *visit) stateOf(m MessageRow, out bool) templ.Component {
	if out {
		return outState(v, m)
	}
	return messageState(v, m)
}

// stateChoices are the states of messages.
func (v *visit) stateChoices(out bool) []face.Choice {
	if out {
		return v.worded("messages.out_", outStates...)
	}
	return v.worded("messages.is_", messageStates...)
}

// channelChoices are what may be decided about a sender.
func (v *visit) channelChoices() (all []face.Choice) {
	for _, s := range []string{"accepted", "held", "blocked"} {
		all = append(all, face.Choice{Code: s, Label: v.p.T("messages.channel_" + s)})
	}
	return all
}

// channelNames are the systems to choose from.
func channelNames(p MessagesPage, out bool) (all []face.Choice) {
	if out {
		for _, c := range p.Receivers {
			all = append(all, face.Choice{Code: c.ID, Label: c.Name})
		}
		return all
	}
	for _, c := range p.Channels {
		all = append(all, face.Choice{Code: c.ID, Label: c.Name})
	}
	return all
}

// acceptable is a state that can be chosen, "" for others.
func acceptable(state string) string {
	if state == "knocking" {
		return ""
	}
	return state
}

// messageFacts says where a message comes from.
func (v *visit) messageFacts(p MessagePage) []face.Fact {
	all := []face.Fact{
		{Label: v.p.T("messages.sender"), Value: p.Channel},
		{Label: v.p.T("messages.control"), Value: p.Control},
		{Label: v.p.T("messages.arrived"), Value: v.since(p.At)},
	}
	if !p.Event.IsZero() {
		all = append(all, face.Fact{Label: v.p.T("messages.event"), Value: v.since(p.Event)})
	}
	if p.Replaces != "" {
		all = append(all, face.Fact{Label: v.p.T("messages.replaces"), Value: p.Replaces, Href: messagesAddress + "/" + p.Replaces})
	}
	if p.State == "duplicate" {
		all = append(all, face.Fact{Label: v.p.T("messages.same_as"), Value: p.Reason, Href: messagesAddress + "/" + p.Reason})
	}
	return all
}

// sayings writes what a message says.
func (v *visit) sayings(p MessagePage) (all []face.Fact) {
	for _, s := range p.Says {
		f := face.Fact{Label: v.p.T("messages.fact_" + s.About), Value: orElse(s.Value, v.p.T("messages.fact_withdrawn")), Origin: s.Origin}
		if s.Control != "" {
			f.Value = joined(v.p.T("messages.control_"+s.Control), s.Value)
		}
		all = append(all, f)
	}
	return all
}
