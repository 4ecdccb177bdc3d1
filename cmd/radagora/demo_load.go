package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"radagora/db"
	"radagora/demo"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
	"radagora/web"
)

// The entries of the journal about the demonstration. The first says which year
// it is, so that loading goes on with the same one after a restart.
const (
	demoBegun  = "demo.year.begun"
	demoLoaded = "demo.year.loaded"
)

// roomsNamedAfter is how many objects have to be there before the rooms get
// their names: enough that each has sent something.
const roomsNamedAfter = 200

// A demoLoad loads the demonstration year through the DICOM door, once at a time.
type demoLoad struct {
	house  *house
	called string // our AE title
	addr   string // of our door
	tell   func() // told when work goes on; may be nil

	done, all atomic.Int64

	mu   sync.Mutex
	stop context.CancelFunc // nil while nothing loads
}

// A demoYear is what the journal says about the year.
type demoYear struct {
	Seed   uint64    `json:"seed"`
	Until  string    `json:"until"`
	Size   demo.Size `json:"size"`
	Loaded bool      `json:"-"`
}

// year returns the year that was begun at this installation, or begins one.
func (d *demoLoad) year(ctx context.Context, size demo.Size) (demoYear, error) {
	var y demoYear
	for e, err := range d.house.Journal.Find(ctx, journal.Filter{Kinds: []string{demoBegun, demoLoaded}}) {
		if err != nil {
			return y, err
		}
		if e.Kind == demoLoaded {
			y.Loaded = true
		} else if err := json.Unmarshal(e.Data, &y); err != nil {
			return y, fault.As(fault.Internal, err)
		}
	}
	if y.Until != "" {
		return y, nil
	}
	y = demoYear{Seed: demo.Seed, Until: d.house.Now().AddDate(0, 0, -1).Format(time.DateOnly), Size: size}
	return y, d.note(ctx, demoBegun, y)
}

// note writes an entry about the demonstration.
func (d *demoLoad) note(ctx context.Context, kind string, y demoYear) error {
	data, err := json.Marshal(y)
	if err != nil {
		return err
	}
	return d.house.DB.Write(ctx, func(tx *db.Tx) error {
		return d.house.Journal.Append(ctx, tx, journal.Entry{Site: site.Default, Actor: demo.Actor, Kind: kind, Data: data})
	})
}

// start begins to load in the background. Conflict: it is being loaded.
func (d *demoLoad) start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		return fault.Errorf(fault.Conflict, "the demonstration is being loaded")
	}
	ctx, d.stop = context.WithCancel(ctx)
	go func() {
		err := d.load(ctx, demo.Full)
		if err != nil && ctx.Err() == nil {
			d.house.Log.ErrorContext(ctx, "demonstration", "error", err)
		}
		d.cancel()
	}()
	return nil
}

// cancel stops loading; what has arrived stays.
func (d *demoLoad) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

// work returns how far loading is, nil while nothing loads.
func (d *demoLoad) work() *web.Work {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop == nil {
		return nil
	}
	return &web.Work{What: msg("work.demo", nil), Done: d.done.Load(), Total: d.all.Load(), Cancel: "/start/demo/cancel"}
}

// load decides what the demonstration decides and sends its year. It may be
// called again: what is there already is answered as such.
func (d *demoLoad) load(ctx context.Context, size demo.Size) error {
	y, err := d.year(ctx, size)
	if err != nil || y.Loaded {
		return err
	}
	decided, err := demo.Decided(d.house.Content)
	if err != nil {
		return err
	}
	if err := d.decide(ctx, decided); err != nil {
		return err
	}
	until, err := time.Parse(time.DateOnly, y.Until)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	year := &demo.Year{Content: d.house.Content, Seed: y.Seed, Until: until, Size: y.Size}
	n, err := year.Count(ctx)
	if err != nil {
		return err
	}
	for _, err := range year.Images(ctx) {
		if err != nil {
			return err
		}
		n++
	}
	d.all.Store(int64(n))
	if err := d.send(ctx, year.Objects(ctx), decided); err != nil {
		return err
	}
	if err := d.name(ctx, decided.Rooms); err != nil {
		return err
	}
	if err := d.send(ctx, year.Images(ctx), decided); err != nil {
		return err
	}
	if err := d.logs(ctx, year); err != nil {
		return err
	}
	if err := d.calibrate(ctx, decided.Calibrations); err != nil {
		return err
	}
	if err := d.typeIn(ctx, decided.Typed, until); err != nil {
		return err
	}
	if err := d.programme(ctx, decided.Audits, until); err != nil {
		return err
	}
	if err := d.incidents(ctx, decided.Incidents, until); err != nil {
		return err
	}
	if err := d.machines(ctx, decided.Machines, decided.Tests, until); err != nil {
		return err
	}
	if err := d.assessed(ctx, decided.Maturity, until); err != nil {
		return err
	}
	if err := d.experience(ctx, decided.Experience, until); err != nil {
		return err
	}
	if err := d.papers(ctx, decided, until); err != nil {
		return err
	}
	return d.note(ctx, demoLoaded, y)
}

// decide approves the mappings and lets the levels govern, each once.
func (d *demoLoad) decide(ctx context.Context, decided demo.Decisions) error {
	governing, err := d.house.Dose.Governing(ctx, site.Default)
	if err != nil {
		return err
	}
	for _, g := range decided.Governing {
		if slices.ContainsFunc(governing, func(x dose.Governing) bool { return x.Set == g.Set && x.Exam == g.Exam && x.From == g.From }) {
			continue
		}
		_, err := d.house.Dose.Govern(ctx, dose.Governing{
			Site: site.Default, Set: g.Set, Exam: g.Exam, From: g.From, To: g.To, DecidedBy: demo.Actor, Note: g.Note,
		})
		if err != nil {
			return fmt.Errorf("let %s govern: %w", g.Set, err)
		}
	}
	mappings, err := d.house.Dose.Mappings(ctx, site.Default)
	if err != nil {
		return err
	}
	known := dose.NewMappings(mappings)
	for _, m := range decided.Mappings {
		if _, ok := known.Find(m.Name, dose.NameSource(m.Source), "", "9999-12-31"); ok {
			continue
		}
		_, err := d.house.Dose.Approve(ctx, dose.Mapping{
			Site: site.Default, Name: m.Name, Source: dose.NameSource(m.Source), Exam: m.Exam,
			Indication: m.Indication, KnownBy: dose.KnownBy(m.KnownBy), ApprovedBy: demo.Actor,
		})
		if err != nil {
			return fmt.Errorf("map a name: %w", err)
		}
	}
	return nil
}

// name gives the rooms their names, unless a person has named one.
func (d *demoLoad) name(ctx context.Context, names []demo.RoomName) error {
	p, err := d.house.Sites.Plan(ctx, d.house.DB, site.Default)
	if err != nil {
		return err
	}
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			i := slices.IndexFunc(names, func(n demo.RoomName) bool { return n.Serial == m.Serial })
			if i < 0 || room.Named {
				continue
			}
			if err := d.house.Sites.NameRoom(ctx, demo.Actor, site.Default, room.ID, names[i].Name, names[i].Area); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends objects of the year: each room over an association of its own, in its order.
func (d *demoLoad) send(ctx context.Context, objects iter.Seq2[demo.Object, error], decided demo.Decisions) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var senders sync.WaitGroup
	rooms, named := map[string]chan demo.Object{}, false
	for o, err := range objects {
		if err != nil {
			stop(err)
			break
		}
		in := rooms[o.AETitle]
		if in == nil {
			in = make(chan demo.Object, 8)
			rooms[o.AETitle] = in
			senders.Go(func() {
				if err := d.room(ctx, in); err != nil {
					stop(err)
				}
			})
		}
		select {
		case in <- o:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		if !named && d.done.Load() >= roomsNamedAfter {
			named = true
			if err := d.name(ctx, decided.Rooms); err != nil {
				stop(err)
			}
		}
	}
	for _, in := range rooms {
		close(in)
	}
	senders.Wait()
	if ctx.Err() != nil {
		return cmp.Or(context.Cause(ctx), ctx.Err())
	}
	return nil
}

// room sends what comes from in over one association.
func (d *demoLoad) room(ctx context.Context, in <-chan demo.Object) (err error) {
	var assoc *dimse.Association
	defer func() {
		if assoc != nil && err == nil {
			err = assoc.Release(ctx)
		}
	}()
	for o := range in {
		if assoc == nil {
			var propose []dimse.Proposal
			for _, class := range []uid.UID{
				uid.XRayRadiationDoseSRStorage, uid.EnhancedSRStorage, uid.RadiopharmaceuticalRadiationDoseSRStorage,
				uid.DigitalXRayImageStorageForPresentation, uid.SecondaryCaptureImageStorage,
			} {
				propose = append(propose, dimse.Proposal{SOPClass: class, Syntaxes: []uid.UID{o.TransferSyntax}})
			}
			assoc, err = dimse.Dial(ctx, d.addr, dimse.Config{
				Calling: o.AETitle, Called: d.called, Propose: propose, Now: d.house.Now, Log: d.house.Log,
				Identity: &dimse.Identity{Type: dimse.JWT, Primary: d.house.pass[:]},
			})
			if err != nil {
				return err
			}
		}
		status, err := assoc.Store(ctx, dimse.Outgoing{
			SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax, Data: bytes.NewReader(o.Data),
		})
		if err = errors.Join(err, status.Err()); err != nil {
			return fmt.Errorf("send for %s: %w", o.AETitle, err)
		}
		if d.done.Add(1)%100 == 0 && d.tell != nil {
			d.tell()
		}
	}
	return nil
}
