package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/connect"
	"radagora/site"
)

type messageReceiversCmd struct{ settings }

func (messageReceiversCmd) Help() string {
	return `Lists to whom messages are sent, with what waits for them and what they refused.

Example:

    radagora message receivers --data /var/lib/radagora`
}

// Run prints the receivers.
func (c messageReceiversCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Connect.OutTraffic(ctx, site.Default)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "APPLICATION\tFACILITY\tADDRESS\tSTATE\tTOLD\tLAST\tHOUR\tBACKLOG\tREFUSED\tFAILED\tTROUBLE\tID")
		for _, t := range all {
			r, last := t.Receiver, "-"
			if !r.Last.IsZero() {
				last = r.Last.UTC().Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", r.ToApplication, r.ToFacility, r.Address, r.State,
				strings.Trim(fmt.Sprint(r.Kinds), "[]"), last, t.Hour, t.Counts[connect.Queued], t.Counts[connect.Refused], t.Counts[connect.OutFailed],
				cmp.Or(r.Trouble, "-"), r.ID)
		}
		return w.Flush()
	})
}

type messageSendToCmd struct {
	settings
	Application    string   `arg:"" help:"Receiving application, as it is called (MSH-5)."`
	Address        string   `arg:"" help:"Where it takes messages: HOST:PORT; one of this machine has to stand under --reach."`
	Facility       string   `help:"Receiving facility (MSH-6)."`
	Name           string   `help:"Name shown to people."`
	Tell           []string `placeholder:"KIND" enum:"dose,status,changes" help:"What it is told: dose, status, changes; can be repeated."`
	State          string   `default:"enabled" enum:"enabled,paused,off" help:"enabled: messages are sent; paused: they are kept and wait; off: there are none."`
	HL7            string   `name:"hl7" default:"2.5.1" enum:"2.3.1,2.5.1" help:"Version of its messages."`
	Form           string   `default:"" enum:",orm,omi" help:"Orders as orm (ORM^O01) or omi (OMI^O23); without it, as usual in the version."`
	Enhanced       bool     `help:"Ask for accept acknowledgements."`
	OwnApplication string   `default:"RADAGORA" help:"What we are called (MSH-3)."`
	OwnFacility    string   `help:"What our facility is called (MSH-4)."`
	Charset        string   `help:"Character set, such as 8859/1; without it, UTF-8."`
	Words          string   `default:"en" enum:"en,de,fr" help:"Language of sentences."`
	Home           string   `help:"Assigning authority written with patient IDs that have none."`
	Codes          string   `placeholder:"SET" help:"Content set of kind hl7_map with its codes."`
	Secure         bool     `help:"Call it over TLS."`
	Certificate    string   `placeholder:"SHA256" help:"The certificate it has to show, in hexadecimal; needs --secure."`
}

func (messageSendToCmd) Help() string {
	return `Says what a system is told, and where. It is known by application and facility; it hears of what happens from then
on, and never of what it told us itself.

Example:

    radagora message send-to --data /var/lib/radagora RIS ris.example:2576 --facility HOSPITAL --tell dose --tell status`
}

// Run keeps the decision.
func (c messageSendToCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Connect.Receivers(ctx, site.Default)
		if err != nil {
			return err
		}
		r := connect.Receiver{
			Site: site.Default, Name: c.Name, Address: c.Address, TLS: c.Secure, Certificate: c.Certificate, Version: c.HL7, Form: c.Form,
			Enhanced: c.Enhanced, Application: c.OwnApplication, Facility: c.OwnFacility, ToApplication: c.Application, ToFacility: c.Facility,
			Charset: c.Charset, Language: c.Words, Home: c.Home, Mapping: c.Codes, State: connect.ReceiverState(c.State),
		}
		for _, k := range c.Tell {
			r.Kinds = append(r.Kinds, connect.OutKind(k))
		}
		for _, have := range all {
			if have.ToApplication == c.Application && have.ToFacility == c.Facility {
				r.ID, r.Name = have.ID, cmp.Or(c.Name, have.Name)
			}
		}
		id, err := h.Connect.SetReceiver(ctx, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "%s: %s\n", id, c.State)
		return nil
	})
}

type messageOutCmd struct {
	settings
	State   []string `placeholder:"STATE" enum:"queued,sent,refused,failed,replaced,removed" help:"Only these: queued, sent, refused, failed, replaced, removed."`
	Code    string   `placeholder:"TYPE" help:"Only these, such as ORU or ORM^O01."`
	Control string   `help:"Only that of this control ID (MSH-10)."`
	Patient string   `help:"Only those about this patient: ISSUER|ID."`
	Limit   int      `default:"50" help:"Most messages shown."`
	Show    string   `placeholder:"ID" help:"Print this message and its answer; whoever looks is in the journal."`
	Again   string   `placeholder:"ID" help:"Send this message again; needs --reason."`
	Drop    string   `placeholder:"ID" help:"Set this message aside; needs --reason."`
	Reason  string   `help:"Why; it is journalled."`
}

func (messageOutCmd) Help() string {
	return `Lists messages that we send with what came of them, or does something about one.

Examples:

    radagora message out --data /var/lib/radagora --state refused
    radagora message out --data /var/lib/radagora --again 01a3… --reason 'their table was corrected'`
}

// Run prints the list, or does what is asked.
func (c messageOutCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		switch {
		case c.Show != "":
			return c.show(ctx, sys, h)
		case c.Again != "":
			id, err := h.Connect.SendAgain(ctx, site.Default, c.Again, nil, c.Reason)
			if err == nil {
				fmt.Fprintln(sys.Out, id)
			}
			return err
		case c.Drop != "":
			return h.Connect.SetAside(ctx, site.Default, c.Drop, c.Reason)
		}
		return c.list(ctx, sys, h)
	})
}

func (c messageOutCmd) list(ctx context.Context, sys *system, h *house) error {
	f := connect.OutFilter{Code: c.Code, Control: c.Control, Limit: c.Limit}
	for _, s := range c.State {
		f.States = append(f.States, connect.OutState(s))
	}
	if c.Patient != "" {
		f.Person = h.typed(c.Patient)
		if err := h.noteRead(ctx, access.MessageRead, access.Subject{Site: site.Default, Person: f.Person}); err != nil {
			return err
		}
	}
	list, err := h.Connect.OutMessages(ctx, site.Default, f)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tMADE\tTYPE\tCONTROL\tSTATE\tREASON")
	for _, m := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.At.UTC().Format(time.DateTime), cmp.Or(m.Code, "-"), m.Control, m.State, m.Reason)
	}
	return w.Flush()
}

func (c messageOutCmd) show(ctx context.Context, sys *system, h *house) error {
	m, err := h.Connect.OutMessage(ctx, site.Default, c.Show)
	if err != nil {
		return err
	}
	if err := h.noteRead(ctx, access.MessageRead, access.Subject{Site: site.Default, Person: m.Person}); err != nil {
		return err
	}
	fmt.Fprintf(sys.Out, "%s\n", lines(m.Body))
	fmt.Fprintf(sys.Err, "%s %s\n%s\n", m.State, m.Reason, lines(m.Answer))
	return nil
}
