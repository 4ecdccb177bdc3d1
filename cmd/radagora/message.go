package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/connect"
	"radagora/hl7"
	"radagora/site"
	"radagora/web"
)

// messageCmd looks after the messages of other systems.
type messageCmd struct {
	Senders messageSendersCmd `cmd:"" help:"List systems that send messages, and how that goes."`
	Accept  messageAcceptCmd  `cmd:"" help:"Say what is done with the messages of a sender."`
	List    messageListCmd    `cmd:"" help:"List messages, the latest first."`
	Show    messageShowCmd    `cmd:"" help:"Print one message."`
	Try     messageTryCmd     `cmd:"" help:"Show what a message would change; nothing of it is kept."`
	Replay  messageReplayCmd  `cmd:"" help:"Apply a message again, or a corrected one in its place."`
	Remove  messageRemoveCmd  `cmd:"" help:"Set a message aside that waits or failed."`

	Receivers messageReceiversCmd `cmd:"" help:"List systems that we send messages to, and how that goes."`
	SendTo    messageSendToCmd    `cmd:"" help:"Say what a system is told, and where."`
	Out       messageOutCmd       `cmd:"" help:"List messages that we send; look at one, send it again, set it aside."`
}

type messageSendersCmd struct{ settings }

func (messageSendersCmd) Help() string {
	return `Lists who sends, or tried to, with what came in the last hour and what waits.

Example:

    radagora message senders --data /var/lib/radagora`
}

// Run prints the senders.
func (c messageSendersCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Connect.Traffic(ctx, site.Default)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "APPLICATION\tFACILITY\tSTATE\tLAST\tHOUR\tBACKLOG\tWAITING\tFAILED\tID")
		for _, t := range all {
			last := "-"
			if !t.Channel.Last.IsZero() {
				last = t.Channel.Last.UTC().Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", t.Channel.Application, t.Channel.Facility, t.Channel.State, last, t.Hour,
				t.Counts[connect.Received], t.Counts[connect.Waiting], t.Counts[connect.Failed], t.Channel.ID)
		}
		return w.Flush()
	})
}

type messageAcceptCmd struct {
	settings
	Application string        `arg:"" help:"Sending application, as its messages have it in MSH-3."`
	Facility    string        `help:"Sending facility (MSH-4); without it, any."`
	Name        string        `help:"Name shown to people."`
	State       string        `default:"accepted" enum:"accepted,held,blocked" help:"accepted: messages are applied; held: they are kept and wait; blocked: they are refused."`
	From        []string      `placeholder:"ADDRESS" help:"Address or network it may send from; can be repeated; without it, any."`
	Mapping     string        `placeholder:"SET" help:"Content set of kind hl7_map with its manner."`
	Home        string        `help:"Assigning authority whose patient IDs images bear without an issuer."`
	Zone        string        `help:"Time zone of times without one, such as Europe/Berlin; without it, that of the site."`
	Charset     string        `help:"Character set of messages that do not say theirs, such as 8859/1."`
	WaitUnknown bool          `help:"Messages about unknown patients wait for somebody."`
	NoSizes     bool          `help:"Heights and weights are kept and not used."`
	Silence     time.Duration `help:"Tell somebody when nothing came for so long, such as 2h."`
}

func (messageAcceptCmd) Help() string {
	return `Says what is done with the messages of a sender. Until somebody does, they are refused.

Example:

    radagora message accept --data /var/lib/radagora RIS --facility HOSPITAL --from 10.1.2.3 --silence 2h`
}

// Run keeps the decision.
func (c messageAcceptCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Connect.Channels(ctx, site.Default)
		if err != nil {
			return err
		}
		ch := connect.Channel{
			Site: site.Default, Name: c.Name, Application: c.Application, Facility: c.Facility, Addresses: c.From, Mapping: c.Mapping, Zone: c.Zone,
			Home: c.Home, Charset: c.Charset, WaitUnknown: c.WaitUnknown, UseSizes: !c.NoSizes, Silence: c.Silence, State: connect.ChannelState(c.State),
		}
		for _, have := range all {
			if have.Application == c.Application && have.Facility == c.Facility {
				ch.ID, ch.Name = have.ID, cmp.Or(c.Name, have.Name)
			}
		}
		id, err := h.Connect.SetChannel(ctx, ch)
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "%s: %s\n", id, c.State)
		return nil
	})
}

type messageListCmd struct {
	settings
	State   []string `placeholder:"STATE" enum:"received,applied,waiting,failed,duplicate,replaced,removed" help:"Only these: received, applied, waiting, failed, duplicate, replaced, removed."`
	Code    string   `placeholder:"TYPE" help:"Only these, such as ADT or ADT^A40."`
	Control string   `help:"Only that of this control ID (MSH-10)."`
	Patient string   `help:"Only those about this patient: ISSUER|ID."`
	Limit   int      `default:"50" help:"Most messages shown."`
}

func (messageListCmd) Help() string {
	return `Lists messages with what came of them, without what they say.

Example:

    radagora message list --data /var/lib/radagora --state waiting --state failed`
}

// Run prints the list.
func (c messageListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		f := connect.Filter{Code: c.Code, Control: c.Control, Limit: c.Limit}
		for _, s := range c.State {
			f.States = append(f.States, connect.State(s))
		}
		if c.Patient != "" {
			f.Person = h.typed(c.Patient)
			if err := h.noteRead(ctx, access.MessageRead, access.Subject{Site: site.Default, Person: f.Person}); err != nil {
				return err
			}
		}
		list, err := h.Connect.Messages(ctx, site.Default, f)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tARRIVED\tTYPE\tCONTROL\tSTATE\tREASON")
		for _, m := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.At.UTC().Format(time.DateTime), cmp.Or(m.Code, "-"), cmp.Or(m.Control, "-"), m.State, m.Reason)
		}
		return w.Flush()
	})
}

type messageShowCmd struct {
	settings
	ID string `arg:"" help:"Message, as in the list."`
}

func (messageShowCmd) Help() string {
	return `Prints a message as it was received, a segment a line. Whoever looks is in the journal.

Example:

    radagora message show --data /var/lib/radagora 01a3…`
}

// Run prints the message.
func (c messageShowCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		m, err := h.Connect.Message(ctx, site.Default, c.ID)
		if err != nil {
			return err
		}
		if err := h.noteMessage(ctx, m); err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "%s\n", lines(m.Body))
		for _, x := range m.Detail {
			fmt.Fprintf(sys.Err, "%s %s\n", x.At, x.What)
		}
		fmt.Fprintf(sys.Err, "%s %s\n", m.State, m.Reason)
		return nil
	})
}

type messageTryCmd struct {
	settings
	Mapping string `placeholder:"SET" help:"Content set of kind hl7_map."`
	File    string `arg:"" help:"File with one message."`
}

func (messageTryCmd) Help() string {
	return `Shows what a message says, in the program's words, as it would be read. Nothing is kept, no server is needed.

Example:

    radagora message try --mapping site/ris admission.hl7`
}

// Run prints what the message says.
func (c messageTryCmd) Run(_ context.Context, sys *system) error {
	body, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	library, err := c.content()
	if err != nil {
		return err
	}
	mapping, err := connect.NewMapping(library, "", c.Mapping)
	if err != nil {
		return err
	}
	m, err := hl7.Parse(body, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	e := mapping.Read(m, connect.Reading{Zone: time.Local, Place: time.Local})
	var p web.MessagePage
	says(&p, m, e)
	w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "message\t%s\n", e.Code)
	for _, s := range p.Says {
		fmt.Fprintf(w, "%s\t%s\n", s.About, strings.TrimSpace(s.Control+" "+cmp.Or(s.Value, "withdrawn")))
	}
	for _, x := range p.Problems {
		fmt.Fprintf(w, "problem\t%s\t%s\n", x.At, x.What)
	}
	return w.Flush()
}

type messageReplayCmd struct {
	settings
	Reason string `required:"" help:"Why; it is journalled."`
	File   string `placeholder:"FILE" help:"The corrected message; the one received stays beside it."`
	ID     string `arg:"" help:"Message, as in the list."`
}

func (messageReplayCmd) Help() string {
	return `Gives a message its turn again. The running server applies it at once.

Example:

    radagora message replay --data /var/lib/radagora --reason 'patient is known now' 01a3…`
}

// Run gives the message its turn.
func (c messageReplayCmd) Run(ctx context.Context, sys *system) error {
	var body []byte
	if c.File != "" {
		var err error
		if body, err = os.ReadFile(c.File); err != nil {
			return err
		}
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		turn, err := h.Connect.Replay(ctx, site.Default, c.ID, body, c.Reason)
		if err == nil {
			fmt.Fprintln(sys.Out, turn)
		}
		return err
	})
}

type messageRemoveCmd struct {
	settings
	Reason string `required:"" help:"Why; it is journalled."`
	ID     string `arg:"" help:"Message, as in the list."`
}

func (messageRemoveCmd) Help() string {
	return `Sets a message aside that waits or failed. It stays in the list.

Example:

    radagora message remove --data /var/lib/radagora --reason 'test of the RIS' 01a3…`
}

// Run sets the message aside.
func (c messageRemoveCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		return h.Connect.Remove(ctx, site.Default, c.ID, c.Reason)
	})
}

// noteMessage notes that somebody read what a message says, of each person it speaks of.
func (h *house) noteMessage(ctx context.Context, m connect.Message) error {
	persons := m.Persons()
	if len(persons) == 0 {
		persons = []string{""}
	}
	for _, key := range persons {
		if err := h.noteRead(ctx, access.MessageRead, access.Subject{Site: m.Site, Person: key}); err != nil {
			return err
		}
	}
	return nil
}
