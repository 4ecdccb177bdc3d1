package demo

import (
	"slices"
	"sort"
	"time"
)

// A span is a time: from inclusive, until not.
type span struct{ from, until time.Time }

// holds reports whether t is in s.
func (s span) holds(t time.Time) bool { return !t.Before(s.from) && t.Before(s.until) }

// share returns how much of s is over at t, from 0 to 1.
func (s span) share(t time.Time) float64 {
	return float64(t.Sub(s.from)) / float64(s.until.Sub(s.from))
}

// yearUntil returns the twelve months whose last day is that of t. Times are those
// on the wall of the department, kept as UTC so that no day has 23 hours.
func yearUntil(t time.Time) span {
	y, m, d := t.Date()
	last := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return span{from: last.AddDate(-1, 0, 1), until: last.AddDate(0, 0, 1)}
}

// quarter returns the calendar quarter that ended n quarters ago: 1 is the last
// one that is over at the end of s.
func (s span) quarter(n int) span {
	first := (int(s.until.Month())-1)/3*3 + 1
	begin := time.Date(s.until.Year(), time.Month(first-3*n), 1, 0, 0, 0, 0, time.UTC)
	return span{begin, begin.AddDate(0, 3, 0)}
}

// A load says when a room works: how much of a year's work is done by the end of
// each hour.
type load struct {
	from time.Time
	done []float64
}

// load adds up the hours of a year by the weights of hours and days.
func (d *department) load(profile string, s span) load {
	l := load{from: s.from}
	sum := 0.0
	for t := s.from; t.Before(s.until); t = t.Add(time.Hour) {
		day := t.Weekday().String()
		if slices.Contains(d.holidays, [2]int{int(t.Month()), t.Day()}) {
			day = "holiday"
		}
		sum += d.hours[profile][t.Hour()] * d.days[profile][day]
		l.done = append(l.done, sum)
	}
	return l
}

// at returns when the given share of the year's work is done.
func (l load) at(share float64) time.Time {
	want := share * l.done[len(l.done)-1]
	hour := sort.Search(len(l.done), func(i int) bool { return l.done[i] > want })
	hour = min(hour, len(l.done)-1)
	before := 0.0
	if hour > 0 {
		before = l.done[hour-1]
	}
	within := 0.0
	if l.done[hour] > before {
		within = (want - before) / (l.done[hour] - before)
	}
	return l.from.Add(time.Duration(hour)*time.Hour + time.Duration(within*3600)*time.Second)
}
