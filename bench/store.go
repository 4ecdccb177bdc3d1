package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"radagora/bench/made"
)

// A burst is what is sent in one go.
type burst struct {
	name         string
	set          made.Set
	associations int

	lists []string // a file for each association that names what it sends
	files int
}

// bursts returns what is sent: fewer objects if it has to be quick.
func bursts(quick bool) []*burst {
	less := 1
	if quick {
		less = 4
	}
	return []*burst{
		{name: "0.5 MB, 1 association", associations: 1, set: made.Set{Name: "one", Studies: 1, Instances: 200 / less, Edge: 512, Private: true}},
		{name: "0.5 MB, 4 associations", associations: 4, set: made.Set{Name: "four", Studies: 4, Instances: 100 / less, Edge: 512, Private: true}},
		{name: "9 KB, 4 associations", associations: 4, set: made.Set{Name: "small", Studies: 200 / less, Instances: 10, Edge: 60}},
	}
}

// prepare makes the files of b and deals its studies out to its associations.
func (b *burst) prepare(dir string) error {
	studies, err := b.set.Write(dir)
	if err != nil {
		return err
	}
	names := make([][]string, b.associations)
	for i, study := range studies {
		names[i%b.associations] = append(names[i%b.associations], study...)
		b.files += len(study)
	}
	for i, list := range names {
		file := filepath.Join(dir, fmt.Sprintf("%s-%d.txt", b.set.Name, i))
		if err := os.WriteFile(file, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
			return err
		}
		b.lists = append(b.lists, file)
	}
	return nil
}

// A figure is what one burst took a server.
type figure struct {
	wall        time.Duration // until the last client had its last answer
	cpu, client time.Duration // of the server until it was quiet again; of the clients
	peak        int64         // bytes of memory
}

// patience is how long one burst may take.
const patience = 2 * time.Minute

// errSlow says that it took longer.
var errSlow = fmt.Errorf("no end after %v", patience)

// send sends b with a client for each association and measures server s.
func (b *burst) send(ctx context.Context, s *server) (f figure, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSlow)
	defer cancel()
	settle()
	clients, answers := make([]*exec.Cmd, len(b.lists)), make([]strings.Builder, len(b.lists))
	high, before, begin := peak(s.cmd.Process.Pid), used(s.cmd.Process.Pid), time.Now()
	for i, list := range b.lists {
		c := exec.CommandContext(ctx, "storescu", "-q", "-R", "-aet", "BENCH", "-aec", "ARCHIVE", "127.0.0.1", s.port, "@"+list)
		c.Env = append(os.Environ(), "TCP_NODELAY=1")
		c.Stdout, c.Stderr = &answers[i], &answers[i]
		if failed := c.Start(); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		clients[i] = c
	}
	for i, c := range clients {
		if c == nil {
			continue
		}
		if failed := c.Wait(); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: storescu: %w: %.200s", b.name, failed, answers[i].String()))
		}
		f.client += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	f.wall = time.Since(begin)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		err = errors.Join(errSlow, err)
	}
	quiet(s.cmd.Process.Pid)
	f.cpu, f.peak = used(s.cmd.Process.Pid)-before, high()
	return f, err
}

// A record is what is known about a contender.
type record struct {
	contender
	figures       map[*burst][]figure
	syncs         map[*burst]float64 // an object
	sent, kept    int
	skip, trouble string // why it was left out; what went wrong
	slow          bool   // that is the trouble
}

// store measures storing and writes the table. If shut is not empty it is why peers
// that listen on every address cannot be started.
func store(ctx context.Context, o options, work, shut string, w io.Writer) error {
	fmt.Fprint(w, "\n## Storing over DICOM associations\n\n")
	if !installed("storescu") {
		fmt.Fprintln(w, "left out: the client, storescu of dcmtk, is not installed")
		return nil
	}
	all := bursts(o.quick)
	for _, b := range all {
		if err := b.prepare(work); err != nil {
			return fmt.Errorf("make objects: %w", err)
		}
	}
	var records []*record
	for i, c := range contenders(o, work) {
		r := &record{contender: c, figures: map[*burst][]figure{}, syncs: map[*burst]float64{}}
		if i > 0 {
			r.skip = shut
		}
		records = append(records, r)
	}
	rounds, err := takeTurns(ctx, o, work, all, records)
	if err != nil {
		return err
	}
	if !o.quick {
		countSyncs(ctx, work, all, records)
	}
	fmt.Fprintf(w, "%d rounds in turn, each from empty; medians, and the least and the most\n\n", rounds)
	if err := table(w, all, records); err != nil {
		return err
	}
	return records[0].failed()
}

// installed reports whether a program is there.
func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// failed returns an error if the contender did what it must not do.
func (r *record) failed() error {
	if r.kept == r.sent && (r.trouble == "" || r.slow) {
		return nil
	}
	return fmt.Errorf("store: %s kept %d of %d: %s", r.name, r.kept, r.sent, r.trouble)
}

// takeTurns lets everybody take all bursts, as often as there are rounds and time.
func takeTurns(ctx context.Context, o options, work string, all []*burst, records []*record) (rounds int, err error) {
	begin := time.Now()
	for rounds < o.rounds && (rounds == 0 || time.Since(begin)*time.Duration(rounds+1)/time.Duration(rounds) < o.limit) {
		for _, r := range records {
			if r.skip != "" || r.trouble != "" {
				continue
			}
			if err := r.turn(ctx, work, all); err != nil {
				r.note(err)
			}
			if ctx.Err() != nil {
				return rounds, ctx.Err()
			}
		}
		rounds++
	}
	return rounds, nil
}

// note notes why a turn went wrong, or that there can be none.
func (r *record) note(err error) {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		r.skip = "not installed"
		return
	}
	r.trouble, r.slow = err.Error(), errors.Is(err, errSlow)
}

// turn starts the contender with nothing, sends it all bursts and counts what it
// has kept.
func (r *record) turn(ctx context.Context, work string, all []*burst) error {
	return r.with(ctx, work, all, func(b *burst, s *server) error {
		f, err := b.send(ctx, s)
		if err == nil {
			r.figures[b] = append(r.figures[b], f)
		}
		return err
	})
}

// with runs the contender in an empty folder while do does something with each burst.
func (r *record) with(ctx context.Context, work string, all []*burst, do func(*burst, *server) error) (err error) {
	dir, err := os.MkdirTemp(work, "turn-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := r.start(ctx, dir)
	if err != nil {
		return err
	}
	sent := 0
	for _, b := range all {
		if err = do(b, s); err != nil {
			break
		}
		sent += b.files
	}
	kept, failed := r.stop(ctx, s)
	if err == nil && failed == nil {
		r.sent, r.kept = r.sent+sent, r.kept+kept
	}
	return errors.Join(err, failed)
}
