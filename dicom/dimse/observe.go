package dimse

import (
	"cmp"
	"slices"
	"time"

	"radagora/dicom/uid"
)

// An Occasion is what an Observation is about.
type Occasion string

// The occasions.
const (
	Associated Occasion = "associated"
	Rejected   Occasion = "rejected"
	Echoed     Occasion = "echoed"
	Stored     Occasion = "stored"  // or refused: see Status
	Queried    Occasion = "queried" // C-FIND; with what came of it
	Moved      Occasion = "moved"   // C-MOVE
	Got        Occasion = "got"     // C-GET
	Acted      Occasion = "acted"   // an operation of DIMSE-N
	Released   Occasion = "released"
	Aborted    Occasion = "aborted" // by either side, or the connection was lost
)

// An Observation is something that happened on an association: for counters, for a
// list of what came, and for the guide that waits for the first echo.
type Observation struct {
	Occasion    Occasion
	At          time.Time
	Peer        Peer
	Rejection   *RejectionError // of Rejected
	Operation   string          // of Queried, Moved, Got and Acted: C-FIND, N-ACTION …
	Status      Status          // of the answer
	Err         error           // why: of a refusal, of an abort
	SOPClass    uid.UID         // of Stored; of Queried and so on that of the presentation context
	SOPInstance uid.UID         // of Stored and Acted
	Syntax      uid.UID         // of Stored
	Bytes       int64           // of the data set, of Stored
	Count       int             // results of Queried, sub-operations of Moved and Got
	Failed      int             // of those sub-operations
	Took        time.Duration   // from the first byte of the data set to the answer; of others from the request on
}

// Live is an association that is open.
type Live struct {
	Peer     Peer
	Since    time.Time
	Messages int64  // requests answered
	Received int64  // bytes
	Sent     int64  // bytes
	Status   Status // of the last answer; Success before the first
}

// Associations returns the open associations, the oldest first.
func (s *Server) Associations() []Live {
	var out []Live
	for _, c := range s.all() {
		if l, ok := c.session.live(); ok {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Live) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Peer.Address, b.Peer.Address))
	})
	return out
}
