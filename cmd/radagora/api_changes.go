package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/worklist"
)

// changeKinds are the entries of the journal that the feed of changes shows.
var changeKinds = []string{
	"archive.instance.stored", "archive.instance.reduced", "archive.instance.deleted", "archive.instance.restored",
	"archive.series.*", "archive.study.*", "archive.identity.*",
	worklist.KindComplete, worklist.KindChanged,
}

// The bounds of the feed.
const (
	mostChanges  = 1000
	changesUsual = 100
	longestWait  = 30 // seconds
)

// changesAPI registers the feed of changes.
func (h *house) changesAPI(d *apiDoor) {
	operate(d, access.ChangeRead, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/api/changes", Tags: []string{"Changes"},
		Summary: "What happened to instances and studies, oldest first",
		Description: "Ask with after=0, or with the number from which to go on; remember next and ask with it again. " +
			"Numbers never repeat and none is skipped later. With wait, an answer without changes comes only after that many seconds. " +
			"Asking again with an older number replays. There are no names or identifiers of patients in it.",
	}, changeAPI{h}.list)
}

// changeAPI answers programs about changes.
type changeAPI struct{ *house }

type listChanges struct {
	After int64    `query:"after" minimum:"0" doc:"the number of the last change seen; 0 begins with the oldest that is kept"`
	Limit int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Wait  int      `query:"wait" minimum:"0" maximum:"30" doc:"seconds to wait for a change"`
	Kind  []string `query:"kind" maxItems:"10" doc:"only these kinds"`
}

// A change is an entry of the journal as programs see it.
type change struct {
	Number   int64           `json:"number" doc:"its place; greater than that of all changes before"`
	At       time.Time       `json:"at"`
	Kind     string          `json:"kind" doc:"archive.instance.stored, worklist.study.complete …"`
	Study    string          `json:"study,omitempty" doc:"Study Instance UID"`
	Series   string          `json:"series,omitempty" doc:"Series Instance UID"`
	Instance string          `json:"instance,omitempty" doc:"SOP Instance UID"`
	SOPClass string          `json:"sop_class,omitempty"`
	Detail   json.RawMessage `json:"detail,omitempty" doc:"what else the kind says"`
}

type changesAnswer struct {
	Body struct {
		Changes []change `json:"changes"`
		Next    int64    `json:"next" doc:"what to ask with next time"`
		More    bool     `json:"more" doc:"there is more at once"`
	}
}

func (a changeAPI) list(ctx context.Context, in *listChanges) (*changesAnswer, error) {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return nil, err
	}
	if !reach.All {
		return nil, fault.Errorf(fault.Forbidden, "the feed of changes is for those who may read every study")
	}
	for _, k := range in.Kind {
		if !slices.ContainsFunc(changeKinds, func(known string) bool { return kindFits(known, k) }) {
			return nil, fault.Errorf(fault.Invalid, "kind %q is none of the feed", k)
		}
	}
	limit := in.Limit
	if limit == 0 {
		limit = changesUsual
	}
	until := time.NewTimer(time.Duration(min(in.Wait, longestWait)) * time.Second)
	defer until.Stop()
	for {
		changed := a.Journal.Changed()
		out, err := a.look(ctx, in.After, min(limit, mostChanges), in.Kind)
		if err != nil || len(out.Body.Changes) > 0 {
			return out, err
		}
		select {
		case <-changed:
		case <-until.C:
			return out, nil
		case <-ctx.Done():
			return out, nil
		}
	}
}

// look returns the changes after a number.
func (a changeAPI) look(ctx context.Context, after int64, limit int, kinds []string) (*changesAnswer, error) {
	if len(kinds) == 0 {
		kinds = changeKinds
	}
	out := &changesAnswer{}
	out.Body.Changes, out.Body.Next = []change{}, after
	for e, err := range a.Journal.Find(ctx, journal.Filter{Site: at, After: after, Kinds: kinds, Limit: limit + 1}) {
		if err != nil {
			return nil, err
		}
		if len(out.Body.Changes) == limit {
			out.Body.More = true
			break
		}
		out.Body.Changes = append(out.Body.Changes, changeOf(e))
		out.Body.Next = e.Seq
	}
	return out, nil
}

// changeOf is an entry as programs see it.
func changeOf(e journal.Entry) change {
	c := change{Number: e.Seq, At: e.At.UTC(), Kind: e.Kind, Detail: e.Data}
	var data struct {
		Study    string `json:"study"`
		Series   string `json:"series"`
		SOPClass string `json:"sop_class"`
	}
	_ = json.Unmarshal(e.Data, &data) // an entry without these says less
	c.Study, c.Series, c.SOPClass = data.Study, data.Series, data.SOPClass
	if kindFits("archive.instance.*", e.Kind) {
		c.Instance = e.Subject
	} else if c.Study == "" {
		c.Study = e.Subject
	}
	return c
}

// kindFits reports whether kind is the pattern, or begins as it does before its star.
func kindFits(pattern, kind string) bool {
	if n := len(pattern) - 1; pattern[n] == '*' {
		return len(kind) > n && kind[:n] == pattern[:n]
	}
	return pattern == kind
}
