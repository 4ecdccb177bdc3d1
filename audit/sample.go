package audit

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"radagora/evidence"
)

// Ways to take cases from a frame.
const (
	Census      = "census"      // all of them
	Consecutive = "consecutive" // the first of the window
	Random      = "random"
	Stratified  = "stratified" // random in each room, in proportion to its cases
)

// Methods returns them.
func Methods() []string { return []string{Census, Consecutive, Random, Stratified} }

// Draw takes n cases of a frame: the same frame, method, n and seed give the same cases
// in the same order. It sorts the frame in place.
func Draw(frame []evidence.Case, method string, n int, seed uint64) []evidence.Case {
	slices.SortFunc(frame, func(a, b evidence.Case) int { return strings.Compare(a.ID, b.ID) })
	n = min(n, len(frame))
	switch method {
	case Census:
		return slices.Clone(frame)
	case Consecutive:
		all := slices.Clone(frame)
		slices.SortStableFunc(all, func(a, b evidence.Case) int { return a.At.Compare(b.At) })
		return all[:n]
	case Stratified:
		return stratified(frame, n, seed)
	default:
		all := slices.Clone(frame)
		shuffle(all, seed)
		return all[:n]
	}
}

// stratified shares n among the rooms by largest remainder, and draws in each at random.
// Rooms with the same remainder come in the order of their ids.
func stratified(frame []evidence.Case, n int, seed uint64) []evidence.Case {
	rooms := map[string][]evidence.Case{}
	for _, c := range frame {
		rooms[c.Room] = append(rooms[c.Room], c)
	}
	if len(frame) == 0 {
		return nil
	}
	type part struct {
		room      string
		take      int
		remainder int
	}
	var parts []part
	left := n
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		whole := n * len(rooms[room])
		p := part{room, whole / len(frame), whole % len(frame)}
		left -= p.take
		parts = append(parts, p)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.remainder, a.remainder) })
	for i := range parts {
		if left > 0 && parts[i].take < len(rooms[parts[i].room]) {
			parts[i].take++
			left--
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.room, b.room) })
	var all []evidence.Case
	for _, p := range parts {
		of := rooms[p.room]
		shuffle(of, seed)
		all = append(all, of[:p.take]...)
	}
	return all
}

// shuffle is that of Fisher and Yates, from the last place down, with numbers of
// SplitMix64 (Steele, Lea, Flood 2014), so that anybody can draw again. A number below n
// is the high word of 64 bits times n.
func shuffle(all []evidence.Case, seed uint64) {
	state := seed
	for i := len(all) - 1; i > 0; i-- {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		j, _ := bits.Mul64(z, uint64(i)+1)
		all[i], all[j] = all[j], all[i]
	}
}
