package dimse

// The DICOM upper layer protocol machine for TCP/IP, PS3.8 section 9.2, as data:
// states, events, actions and the table that joins them. provider.go runs it;
// nothing else decides what happens on an association.

// A state is a state of the machine, PS3.8 Tables 9-1 to 9-5.
type state uint8

const (
	sta1  state = iota + 1 // idle
	sta2                   // transport connection open, awaiting A-ASSOCIATE-RQ
	sta3                   // awaiting the local A-ASSOCIATE response
	sta4                   // awaiting the transport connection to open
	sta5                   // awaiting A-ASSOCIATE-AC or A-ASSOCIATE-RJ
	sta6                   // association established, ready for data
	sta7                   // awaiting A-RELEASE-RP
	sta8                   // awaiting the local A-RELEASE response
	sta9                   // release collision, requestor: awaiting the local A-RELEASE response
	sta10                  // release collision, acceptor: awaiting A-RELEASE-RP
	sta11                  // release collision, requestor: awaiting A-RELEASE-RP
	sta12                  // release collision, acceptor: awaiting the local A-RELEASE response
	sta13                  // awaiting the transport connection to close; no association any more
)

// states is how many states there are, plus the unused 0.
const states = int(sta13) + 1

// An event is what happens to the machine, PS3.8 Table 9-10, first column.
type event uint8

const (
	evt1  event = iota + 1 // A-ASSOCIATE request (local user)
	evt2                   // transport connect confirmation
	evt3                   // A-ASSOCIATE-AC received
	evt4                   // A-ASSOCIATE-RJ received
	evt5                   // transport connection indication
	evt6                   // A-ASSOCIATE-RQ received
	evt7                   // A-ASSOCIATE response, accept (local user)
	evt8                   // A-ASSOCIATE response, reject (local user)
	evt9                   // P-DATA request (local user)
	evt10                  // P-DATA-TF received
	evt11                  // A-RELEASE request (local user)
	evt12                  // A-RELEASE-RQ received
	evt13                  // A-RELEASE-RP received
	evt14                  // A-RELEASE response (local user)
	evt15                  // A-ABORT request (local user)
	evt16                  // A-ABORT received
	evt17                  // transport connection closed
	evt18                  // ARTIM timer expired
	evt19                  // unrecognised or invalid PDU received
)

// events is how many events there are, plus the unused 0.
const events = int(evt19) + 1

// An action is what the machine does about an event, PS3.8 Tables 9-6 to 9-9.
// The zero action is a blank cell: the standard does not foresee the event.
type action uint8

const (
	blank action = iota
	ae1
	ae2
	ae3
	ae4
	ae5
	ae6
	ae7
	ae8
	dt1
	dt2
	ar1
	ar2
	ar3
	ar4
	ar5
	ar6
	ar7
	ar8
	ar9
	ar10
	aa1
	aa2
	aa3
	aa4
	aa5
	aa6
	aa7
	aa8
	actionCount
)

// actionNames are the names of the actions as the standard writes them.
var actionNames = [actionCount]string{
	"", "AE-1", "AE-2", "AE-3", "AE-4", "AE-5", "AE-6", "AE-7", "AE-8", "DT-1", "DT-2",
	"AR-1", "AR-2", "AR-3", "AR-4", "AR-5", "AR-6", "AR-7", "AR-8", "AR-9", "AR-10",
	"AA-1", "AA-2", "AA-3", "AA-4", "AA-5", "AA-6", "AA-7", "AA-8",
}

// String returns the standard's name of a, "" for a blank cell.
func (a action) String() string { return actionNames[a] }

// An effect is one thing an action does. provider.perform knows how.
type effect uint8

const (
	connect        effect = iota // issue TRANSPORT CONNECT request
	send                         // send the PDU that came with the event
	sendAbortUser                // send A-ABORT, source service-user
	sendAbortOwn                 // send A-ABORT, source service-provider
	sendReject                   // send A-ASSOCIATE-RJ, source service-provider
	indicate                     // hand the event to the local user (indication or confirmation)
	indicateAbort                // hand an A-P-ABORT to the local user
	startTimer                   // start the ARTIM timer, or restart it
	stopTimer                    // stop the ARTIM timer if it runs
	closeTransport               // close the transport connection
)

// A step is an action spelled out: its effects in order, and the next state.
// Where the standard puts a condition, when names it and otherwise is done if it
// does not hold.
type step struct {
	do        []effect
	next      state
	when      condition
	otherwise *step
}

// A condition is what two of the actions depend on.
type condition uint8

const (
	always     condition = iota
	acceptable           // the service-provider can accept the A-ASSOCIATE-RQ
	requestor            // this side requested the association
)

// steps spells the actions out. AE-5 says "issue transport connection response":
// accepting the connection was that.
var steps = [actionCount]step{
	// PS3.8 Table 9-6, association establishment
	ae1: {do: []effect{connect}, next: sta4},
	ae2: {do: []effect{send}, next: sta5},
	ae3: {do: []effect{indicate}, next: sta6},
	ae4: {do: []effect{indicate, closeTransport}, next: sta1},
	ae5: {do: []effect{startTimer}, next: sta2},
	ae6: {
		do: []effect{stopTimer, indicate}, next: sta3, when: acceptable,
		otherwise: &step{do: []effect{stopTimer, sendReject, startTimer}, next: sta13},
	},
	ae7: {do: []effect{send}, next: sta6},
	ae8: {do: []effect{send, startTimer}, next: sta13},

	// PS3.8 Table 9-7, data transfer
	dt1: {do: []effect{send}, next: sta6},
	dt2: {do: []effect{indicate}, next: sta6},

	// PS3.8 Table 9-8, association release
	ar1: {do: []effect{send}, next: sta7},
	ar2: {do: []effect{indicate}, next: sta8},
	ar3: {do: []effect{indicate, closeTransport}, next: sta1},
	ar4: {do: []effect{send, startTimer}, next: sta13},
	ar5: {do: []effect{stopTimer}, next: sta1},
	ar6: {do: []effect{indicate}, next: sta7},
	ar7: {do: []effect{send}, next: sta8},
	ar8: {
		do: []effect{indicate}, next: sta9, when: requestor,
		otherwise: &step{do: []effect{indicate}, next: sta10},
	},
	ar9:  {do: []effect{send}, next: sta11},
	ar10: {do: []effect{indicate}, next: sta12},

	// PS3.8 Table 9-9, association abort
	aa1: {do: []effect{sendAbortUser, startTimer}, next: sta13},
	aa2: {do: []effect{stopTimer, closeTransport}, next: sta1},
	aa3: {do: []effect{indicateAbort, closeTransport}, next: sta1},
	aa4: {do: []effect{indicateAbort}, next: sta1},
	aa5: {do: []effect{stopTimer}, next: sta1},
	aa6: {next: sta13},
	aa7: {do: []effect{sendAbortOwn}, next: sta13},
	aa8: {do: []effect{sendAbortOwn, indicateAbort, startTimer}, next: sta13},
}

// transitions is PS3.8 Table 9-10: a row for each event, a column for each state.
// A cell that is not written is blank in the standard.
var transitions = [events][states]action{
	evt1: {sta1: ae1},
	evt2: {sta4: ae2},
	evt3: {
		sta2: aa1, sta3: aa8, sta5: ae3, sta6: aa8, sta7: aa8, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa6,
	},
	evt4: {
		sta2: aa1, sta3: aa8, sta5: ae4, sta6: aa8, sta7: aa8, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa6,
	},
	evt5: {sta1: ae5},
	evt6: {
		sta2: ae6, sta3: aa8, sta5: aa8, sta6: aa8, sta7: aa8, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa7,
	},
	evt7: {sta3: ae7},
	evt8: {sta3: ae8},
	evt9: {sta6: dt1, sta8: ar7},
	evt10: {
		sta2: aa1, sta3: aa8, sta5: aa8, sta6: dt2, sta7: ar6, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa6,
	},
	evt11: {sta6: ar1},
	evt12: {
		sta2: aa1, sta3: aa8, sta5: aa8, sta6: ar2, sta7: ar8, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa6,
	},
	evt13: {
		sta2: aa1, sta3: aa8, sta5: aa8, sta6: aa8, sta7: ar3, sta8: aa8,
		sta9: aa8, sta10: ar10, sta11: ar3, sta12: aa8, sta13: aa6,
	},
	evt14: {sta8: ar4, sta9: ar9, sta12: ar4},
	evt15: {
		sta3: aa1, sta4: aa2, sta5: aa1, sta6: aa1, sta7: aa1, sta8: aa1,
		sta9: aa1, sta10: aa1, sta11: aa1, sta12: aa1,
	},
	evt16: {
		sta2: aa2, sta3: aa3, sta5: aa3, sta6: aa3, sta7: aa3, sta8: aa3,
		sta9: aa3, sta10: aa3, sta11: aa3, sta12: aa3, sta13: aa2,
	},
	evt17: {
		sta2: aa5, sta3: aa4, sta4: aa4, sta5: aa4, sta6: aa4, sta7: aa4, sta8: aa4,
		sta9: aa4, sta10: aa4, sta11: aa4, sta12: aa4, sta13: ar5,
	},
	evt18: {sta2: aa2, sta13: aa2},
	evt19: {
		sta2: aa1, sta3: aa8, sta5: aa8, sta6: aa8, sta7: aa8, sta8: aa8,
		sta9: aa8, sta10: aa8, sta11: aa8, sta12: aa8, sta13: aa7,
	},
}
