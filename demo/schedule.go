package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// root is what the UIDs of the demonstration are derived from.
var root = uid.Must("2.25.226837469834226120547829604473861298001")

// A maker makes one year.
type maker struct {
	*department
	seed  uint64
	span  span
	space uid.UID // of the UIDs of this year
	loads map[string]load
	gaps  map[string][]span
}

// newMaker returns a maker. Its UIDs are those of this seed, size and last day: a
// year made anew for another day collides with none before.
func newMaker(d *department, seed uint64, size Size, s span) (*maker, error) {
	name := strings.Join([]string{strconv.FormatUint(seed, 10), string(size), s.until.Format(time.DateOnly)}, "|")
	m := &maker{department: d, seed: seed, span: s, space: uid.Derive(root, name), loads: map[string]load{}, gaps: map[string][]span{}}
	for _, r := range d.rooms {
		l := d.load(r.profile, s)
		if l.done[len(l.done)-1] <= 0 {
			return nil, fault.Errorf(fault.Invalid, "demo/department: %s never works: profile %q has no hours or days", r.id, r.profile)
		}
		m.loads[r.profile] = l
	}
	for _, g := range d.gaps {
		m.gaps[g.room] = append(m.gaps[g.room], s.quarter(g.back))
	}
	return m, nil
}

// uid returns the UID that belongs to a name in this year.
func (m *maker) uid(parts ...string) uid.UID { return uid.Derive(m.space, strings.Join(parts, "|")) }

// A dice throws random numbers that depend on the seed and a name alone, so that
// one more examination does not change the others.
type dice struct{ *rand.Rand }

// dice returns the dice of a name.
func (m *maker) dice(parts ...string) dice {
	text := strconv.FormatUint(m.seed, 10) + "|" + strings.Join(parts, "|")
	sum := sha256.Sum256([]byte(text))
	//nolint:gosec // made-up numbers that have to be the same again, nothing secret
	return dice{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))}
}

// around returns a number whose median is middle and whose logarithm has the
// standard deviation spread.
func (d dice) around(middle, spread float64) float64 {
	return middle * math.Exp(spread*d.NormFloat64())
}

// chance reports true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// A visit is one patient in one room for one procedure.
type visit struct {
	room    *room
	volume  *volume
	what    *procedure
	index   int       // of the procedure in this room
	count   int       // of the visit in this room
	planned time.Time // when it was to begin
	start   time.Time // when the room was free
	name    string    // unique in the year
}

// A stream is the visits to one room for one procedure, one after the other.
type stream struct {
	volume *volume
	next   int
	at     time.Time
}

// advance sets when the next visit of s is planned: its place in the year's work,
// spread over one part in n of it.
func (m *maker) advance(s *stream) {
	v := s.volume
	place := m.dice("when", v.room.id, v.procedure.id, strconv.Itoa(s.next)).Float64()
	s.at = m.loads[v.room.profile].at((float64(s.next) + place) / float64(v.n))
}

// visits yields the visits of the year in the order in which they were planned.
// A room takes one patient at a time.
func (m *maker) visits() iter.Seq[*visit] {
	return func(yield func(*visit) bool) {
		streams := m.streams()
		free, count := map[*room]time.Time{}, map[*room]int{}
		for len(streams) > 0 {
			i := first(streams)
			s := streams[i]
			v := &visit{
				room: s.volume.room, volume: s.volume, what: s.volume.procedure, index: s.next, planned: s.at, start: s.at,
				name: strings.Join([]string{s.volume.room.id, s.volume.procedure.id, strconv.Itoa(s.next)}, "|"),
			}
			if f := free[v.room]; f.After(v.start) {
				v.start = f
			}
			count[v.room]++
			v.count = count[v.room]
			free[v.room] = v.start.Add(time.Duration(v.what.minutes) * time.Minute)
			if !yield(v) {
				return
			}
			if s.next++; s.next < s.volume.n {
				m.advance(s)
			} else {
				streams = append(streams[:i], streams[i+1:]...)
			}
		}
	}
}

// streams begins a stream for each row of volumes.
func (m *maker) streams() []*stream {
	var all []*stream
	for _, v := range m.volumes {
		if v.n > 0 {
			s := &stream{volume: v}
			m.advance(s)
			all = append(all, s)
		}
	}
	return all
}

// first returns the stream whose visit is planned first.
func first(streams []*stream) int {
	best := 0
	for i, s := range streams {
		if s.at.Before(streams[best].at) {
			best = i
		}
	}
	return best
}

// silent reports whether reports of a room do not arrive at t.
func (m *maker) silent(r *room, t time.Time) bool {
	for _, s := range m.gaps[r.id] {
		if s.holds(t) {
			return true
		}
	}
	return false
}

// every reports whether a visit is one of those that happen once in so many; 0
// is never.
func (v *visit) every(n int) bool { return n > 0 && v.count%n == 0 }
