package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

type worklistCmd struct {
	Add     worklistAddCmd     `cmd:"" help:"Write an order with one scheduled step, or orders from a JSON file."`
	List    worklistListCmd    `cmd:"" help:"List what is scheduled on a day."`
	Cancel  worklistCancelCmd  `cmd:"" help:"Take an order off the worklist."`
	Life    worklistLifeCmd    `cmd:"" help:"Show what became of an order: from the order to the report."`
	Setting worklistSettingCmd `cmd:"" help:"Show or change how the worklist treats the site, or one peer."`
}

type worklistAddCmd struct {
	settings
	JSON        string   `name:"json" placeholder:"FILE" help:"Read orders as the JSON API takes them, one or an array; - is standard input. Other flags are not looked at."`
	Patient     string   `placeholder:"ID" help:"Patient ID, or ISSUER|ID."`
	Name        string   `placeholder:"FAMILY^GIVEN" help:"Name of the patient as DICOM writes it."`
	Birth       string   `placeholder:"YYYY-MM-DD" help:"Birth date."`
	Sex         string   `placeholder:"F|M|O" help:"Sex."`
	Accession   string   `help:"Accession number; without it, one is given."`
	Description string   `help:"What is to be done."`
	Reason      string   `help:"Why."`
	Modality    string   `help:"Modality, such as CT."`
	Station     []string `placeholder:"AE" help:"Application entity title of the machine; repeat for several."`
	Start       string   `placeholder:"YYYY-MM-DDTHH:MM" help:"Local time at the site; without it, now."`
	Room        string   `help:"Room."`
}

func (worklistAddCmd) Help() string {
	return `Writes an order and prints its accession number and id. The machine finds it at its next query.

Example:

    radagora worklist add --data /var/lib/radagora --patient 4711 --name 'MUSTER^ANNA' --modality CT --station CT1 \
        --description 'CT thorax' --start 2026-11-22T09:30`
}

// Run writes orders.
func (c worklistAddCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		orders, err := c.orders(h)
		if err != nil {
			return err
		}
		for _, o := range orders {
			o.Site = site.Default
			kept, _, err := h.Worklist.Create(ctx, worklist.Request{Order: o, Origin: worklist.FromCommand})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(sys.Out, "%s %s\n", kept.Accession, kept.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxOrders bounds a file of orders, in bytes.
const maxOrders = 64 << 20

// orders returns the orders that were asked for.
func (c worklistAddCmd) orders(h *house) ([]worklist.Order, error) {
	if c.JSON == "" {
		return []worklist.Order{c.order(h)}, nil
	}
	var from io.Reader = os.Stdin
	if c.JSON != "-" {
		f, err := os.Open(c.JSON)
		if err != nil {
			return nil, fmt.Errorf("--json: %w", trimPath(err, c.JSON))
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxOrders))
	if err != nil {
		return nil, err
	}
	return readOrders(text)
}

// readOrders reads one order or an array of them.
func readOrders(text []byte) ([]worklist.Order, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		var all []worklist.Order
		return all, wrongJSON(d.Decode(&all), &all)
	}
	all := make([]worklist.Order, 1)
	return all, wrongJSON(d.Decode(&all[0]), &all)
}

// wrongJSON says that a file is not what it should be, without what stands in it.
func wrongJSON(err error, all *[]worklist.Order) error {
	if err == nil {
		return nil
	}
	*all = nil
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.Errorf(fault.Invalid, "--json: %s is no %s", e.Field, e.Type)
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return fault.As(fault.Invalid, fmt.Errorf("--json: %w", err))
	}
	return fault.Errorf(fault.Invalid, "--json: this is no JSON of an order")
}

// order returns the order of the flags.
func (c worklistAddCmd) order(h *house) worklist.Order {
	issuer, id, ok := strings.Cut(c.Patient, "|")
	if !ok {
		issuer, id = "", c.Patient
	}
	start := c.Start
	if start == "" {
		start = h.Now().UTC().Format(time.RFC3339)
	}
	return worklist.Order{
		Patient:   worklist.Patient{ID: id, Issuer: issuer, Name: c.Name, BirthDate: c.Birth, Sex: c.Sex},
		Accession: c.Accession, Description: c.Description, Reason: c.Reason,
		Steps: []worklist.Step{{Stations: c.Station, Modality: c.Modality, Start: start, Location: c.Room}},
	}
}

type worklistListCmd struct {
	settings
	Day   string `placeholder:"YYYY-MM-DD" help:"Day at the site; without it, today."`
	State string `enum:",scheduled,arrived,in_progress,completed,discontinued,cancelled" default:"" help:"Only steps in this state: ${enum}."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

func (worklistListCmd) Help() string {
	return `Lists the scheduled steps of a day by start, with patient and state. Whoever looks is in the journal.

Example:

    radagora worklist list --data /var/lib/radagora --day 2026-11-22`
}

// Run lists a day.
func (c worklistListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		s, err := h.Sites.Site(ctx, site.Default)
		if err != nil {
			return err
		}
		day := c.Day
		if day == "" {
			day = s.Day(h.Now())
		}
		f := worklist.Filter{From: day, To: day}
		if c.State != "" {
			f.States = []worklist.State{worklist.State(c.State)}
		}
		list, err := h.Worklist.List(ctx, site.Default, f)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := h.noteRead(ctx, access.StepFind, access.Subject{Site: site.Default, Person: e.Order.Person}); err != nil {
				return err
			}
		}
		if err := h.Reads.Flush(ctx); err != nil {
			return err
		}
		return c.print(sys.Out, list)
	})
}

// print writes the list.
func (c worklistListCmd) print(out io.Writer, list []worklist.Entry) error {
	if c.JSON {
		orders := make([]worklist.Order, len(list))
		for i, e := range list {
			orders[i] = e.Order
			orders[i].Steps = []worklist.Step{e.Step}
		}
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(orders)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range list {
		_, clock, _ := strings.Cut(e.Step.Start, "T")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clock[:min(5, len(clock))], e.Step.State, e.Step.Modality, strings.Join(e.Step.Stations, ","),
			e.Order.Accession, e.Order.Patient.ID, e.Order.Patient.Name, e.Step.Description)
	}
	return w.Flush()
}

type worklistCancelCmd struct {
	settings
	Reason string `help:"Why; it is kept in the journal with the patient's data."`
	Order  string `arg:"" help:"Id of the order, as add prints it."`
}

func (worklistCancelCmd) Help() string {
	return `Takes an order off the worklist; what a machine has begun goes on. The order stays in the history.

Example:

    radagora worklist cancel --data /var/lib/radagora 01a20284-6e0f-7c1c-a0bb-8a3f7c5e1d2a --reason 'patient did not come'`
}

// Run cancels an order.
func (c worklistCancelCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		o, err := h.Worklist.Cancel(ctx, site.Default, c.Order, 0, c.Reason)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s cancelled\n", o.Accession)
		return err
	})
}

type worklistSettingCmd struct {
	settings
	Of      string         `name:"of" placeholder:"AE" help:"Of this peer, in the place of what holds for the site."`
	OwnOnly *bool          `negatable:"" help:"A peer is shown only what is scheduled for its own title."`
	Offer   *int           `placeholder:"DAYS" help:"A step not begun so long after its start is offered no more."`
	Most    *int           `placeholder:"N" help:"Most answers to one query."`
	Quiet   *time.Duration `placeholder:"5m" help:"A study nobody added to for so long is complete."`
	Done    *time.Duration `placeholder:"1m" help:"Likewise, once the machine says that it is done."`
	Match   *int           `placeholder:"HOURS" help:"Between a scheduled start and a study that may belong to it."`
}

func (worklistSettingCmd) Help() string {
	return `Prints what holds, after changing what flags say.

Example:

    radagora worklist setting --data /var/lib/radagora --of CT1 --own-only --quiet 2m`
}

// Run shows and changes settings.
func (c worklistSettingCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		before, err := h.Worklist.Setting(ctx, site.Default, c.Of)
		if err != nil {
			return err
		}
		s := before
		set(&s.OwnOnly, c.OwnOnly)
		set(&s.OfferDays, c.Offer)
		set(&s.MostEntries, c.Most)
		set(&s.MatchHours, c.Match)
		if c.Quiet != nil {
			s.QuietSeconds = int64(c.Quiet.Seconds())
		}
		if c.Done != nil {
			s.DoneSeconds = int64(c.Done.Seconds())
		}
		if s != before {
			if err := h.Worklist.SetSetting(ctx, site.Default, c.Of, s); err != nil {
				return err
			}
		}
		e := json.NewEncoder(sys.Out)
		e.SetIndent("", "  ")
		return e.Encode(s)
	})
}

// set puts a value in its place if there is one.
func set[T any](to, v *T) {
	if v != nil {
		*to = *v
	}
}
