package access

import "slices"

// An Act is something one may or may not do: room, noun, verb.
type Act string

// The acts. A page, interface or command asks for one of them by name; policies
// name them as Action::"…".
const (
	PageRead Act = "web.page.read" // home, search, help, own settings: nothing about patients

	AggregateRead   Act = "dose.aggregate.read"   // medians, counts, comparisons
	ExaminationRead Act = "dose.examination.read" // one examination, without identity
	OperatorRead    Act = "dose.operator.read"    // who operated, in views that compare
	MappingRead     Act = "dose.mapping.read"
	MappingPropose  Act = "dose.mapping.propose"   // what a local name means, for a second person to approve
	MappingApprove  Act = "dose.mapping.approve"   // local name to examination and indication
	LevelEnter      Act = "dose.level.enter"       // type in sets of reference levels
	LevelCheck      Act = "dose.level.check"       // compare what another person typed with its source
	LevelGovern     Act = "dose.level.govern"      // which set of levels governs
	Calibrate       Act = "dose.calibration.enter" // factors of dose meters, and which basis a site compares by
	AcceptanceSign  Act = "dose.acceptance.sign"   // prove the doses of a device, and sign for it
	EmbryoDeclare   Act = "dose.embryo.declare"    // declare the dose to an embryo or fetus, and sign for it
	DoseEnter       Act = "dose.entry.enter"       // doses that no device sends: type in, import, take back
	DoseReconcile   Act = "dose.entry.sign"        // sign that an import was reconciled
	FindingRead     Act = "finding.list.read"
	FindingDecide   Act = "finding.state.change" // owner, state, note, due date
	TableExport     Act = "export.table.write"   // CSV, XLSX of what a page shows

	AuditRead   Act = "audit.cycle.read"   // audits, their results and packs: counts
	AuditChange Act = "audit.cycle.change" // plan, define, draw, analyse, report, act, close
	AuditCases  Act = "audit.case.read"    // the cases of a sample, which name examinations
	AuditAnswer Act = "audit.case.answer"  // say what a case is, and why it failed
	PackSign    Act = "audit.pack.sign"    // freeze and sign what an inspector gets

	DocumentRead    Act = "document.register.read"   // protocols, procedures and manuals, with their files
	DocumentConfirm Act = "document.version.confirm" // confirm to have read one
	DocumentChange  Act = "document.version.change"  // enter documents and versions, review, withdraw
	DocumentApprove Act = "document.version.approve" // put what another person brought in force

	EquipmentRead   Act = "equipment.register.read"   // machines, their age and their tests
	EquipmentTest   Act = "equipment.result.enter"    // enter the result of a test
	EquipmentChange Act = "equipment.register.change" // enter machines, levels and changes

	QualificationRead   Act = "qualification.register.read"   // who is qualified or appointed, and until when
	QualificationChange Act = "qualification.register.change" // enter and end qualifications, note trainings

	FormRead   Act = "form.response.read"   // forms, and what was answered
	FormAnswer Act = "form.response.change" // answer forms, sign, amend, give a part away by a link
	FormEdit   Act = "form.version.change"  // make forms, publish and retire them

	AssessmentAnswer Act = "maturity.answer.give"     // answer self-assessments, plan what is to be done
	AssessmentLead   Act = "maturity.assessment.lead" // open and close them, share and import results

	SurveyRead Act = "survey.result.read"     // surveys and what they say
	SurveyLead Act = "survey.campaign.change" // plan, open and close surveys, invite, screen free texts, take answers out

	IncidentReport Act = "incident.report.write"    // report what went wrong, and read what was learned
	IncidentRead   Act = "incident.register.read"   // the register of incidents
	IncidentTriage Act = "incident.register.change" // judge, notify, disclose, close

	StudyFind    Act = "archive.study.find"    // lists of studies; rows are filtered by what may be seen
	ObjectRead   Act = "archive.object.read"   // DICOM objects, with identity
	ObjectStore  Act = "archive.object.store"  // into the archive: C-STORE, STOW-RS
	ObjectImport Act = "archive.object.import" // files into the archive by a page or command
	ObjectSend   Act = "archive.object.send"   // objects to a peer
	StudyFetch   Act = "archive.study.fetch"   // search other archives and fetch from them; migrations
	PeerEcho     Act = "archive.peer.echo"     // C-ECHO
	ChangeRead   Act = "archive.change.read"   // the feed of changes, for programs
	ChangeFollow Act = "archive.change.follow" // systems that are told of changes: add, pause, replay, remove
	TransferRead Act = "archive.transfer.read" // what goes to peers, and how far it is
	RuleChange   Act = "archive.rule.change"   // what is passed on to whom
	StorageRead  Act = "archive.storage.read"  // packs, room, scrub, second place, what was deleted
	StorageRun   Act = "archive.storage.run"   // scrub, repack and copy now
	ObjectDelete Act = "archive.object.delete" // studies, series, instances; and their undo
	HoldChange   Act = "archive.hold.change"   // legal holds: place and lift

	StepFind       Act = "worklist.step.find"       // orders and scheduled steps, with identity: page, interface, C-FIND
	StepChange     Act = "worklist.step.change"     // write, change and cancel orders, say that a patient arrived
	PerformedWrite Act = "worklist.performed.write" // what a machine did: N-CREATE, N-SET

	ChannelRead    Act = "connect.channel.read"    // systems that send messages, and how that goes; no content
	ChannelChange  Act = "connect.channel.change"  // accept, hold, block; their mapping
	ReceiverChange Act = "connect.receiver.change" // whom we send messages to, and where
	MessageRead    Act = "connect.message.read"    // what a message says
	MessageChange  Act = "connect.message.change"  // correct, replay, set aside

	IdentityRead Act = "person.identity.read" // name, birth date, identifier of a patient
	LinkChange   Act = "person.link.change"   // which identifiers mean the same person
	FactChange   Act = "person.fact.change"   // what is said of a person: name, birth date, height, weight, pregnancy

	RecordRead   Act = "record.resource.read"   // visits, reports and what else other systems brought by FHIR
	RecordChange Act = "record.resource.change" // write them

	SiteRead   Act = "site.site.read"   // rooms, machines
	SiteChange Act = "site.site.change" // name, country, time zone, mail, webhooks
	RoomName   Act = "site.room.name"   // rooms and machines: names, moves, merges
	PeerRead   Act = "site.peer.read"
	PeerChange Act = "site.peer.change" // accept, limit, block; addresses

	ContentCheck Act = "content.set.check" // list and check content
	PolicyRead   Act = "access.policy.read"
	UserRead     Act = "access.user.read"
	UserChange   Act = "access.user.change" // accounts and roles
	OwnChange    Act = "access.own.change"  // own password, passkeys, PIN, sessions
	TokenOwn     Act = "access.token.own"   // tokens for oneself
	TokenChange  Act = "access.token.change"
	StudyExplain Act = "access.study.explain" // who can see a study, and why
	StudyGrant   Act = "access.study.grant"   // give somebody one study or patient
	GlassOpen    Act = "access.glass.open"    // break-glass
	GlassReview  Act = "access.glass.review"

	JournalRead    Act = "journal.entry.read"
	JournalExport  Act = "journal.entry.export"
	AccessListRead Act = "journal.person.read" // who looked at the data of one person
	Rebuild        Act = "journal.consumer.rewind"

	RegisterRead   Act = "privacy.register.read" // record of processing, processors, legal bases
	RegisterChange Act = "privacy.register.change"
	RequestHandle  Act = "privacy.request.handle"
	BreachHandle   Act = "privacy.breach.handle"
	PersonExport   Act = "privacy.person.export"
	PersonErase    Act = "privacy.person.erase"
	PersonRestrict Act = "privacy.person.restrict"

	StatusRead  Act = "status.page.read"
	JobReplay   Act = "job.dead.replay"
	BackupRun   Act = "backup.run.start"
	ConfigApply Act = "config.file.apply"
	DemoLoad    Act = "demo.year.load"

	SecondaryUse Act = "secondary.row.select" // a row into observatory, biobank, research, teaching
)

// A group is a name that policies may use for several acts.
type group string

// The groups.
const (
	personal  group = "personal"  // shows or moves data by which a patient is known
	dangerous group = "dangerous" // asks for the proof of a moment ago
	secondary group = "secondary" // not for the patient's own care
)

// groups says what belongs to which group.
var groups = map[Act][]group{
	StepFind: {personal}, MessageRead: {personal}, MessageChange: {personal}, ObjectRead: {personal}, ObjectSend: {personal}, StudyFetch: {personal}, IdentityRead: {personal},
	AuditCases: {personal}, AuditAnswer: {personal}, PackSign: {dangerous},
	DoseEnter: {personal}, FactChange: {personal}, RecordRead: {personal}, RecordChange: {personal},
	AccessListRead: {personal},
	ObjectDelete:   {dangerous}, HoldChange: {dangerous}, EmbryoDeclare: {dangerous},
	LinkChange: {dangerous}, UserChange: {dangerous}, TokenChange: {dangerous}, TokenOwn: {dangerous},
	PersonErase: {dangerous, personal}, PersonExport: {dangerous, personal}, ConfigApply: {dangerous}, ReceiverChange: {dangerous},
	JournalExport: {dangerous}, SecondaryUse: {secondary},
}

// acts are all of them in the order of the list above.
var acts = []Act{
	PageRead, AggregateRead, ExaminationRead, OperatorRead, MappingRead, MappingPropose, MappingApprove, LevelEnter, LevelCheck, LevelGovern, Calibrate, AcceptanceSign, EmbryoDeclare, DoseEnter, DoseReconcile, FindingRead,
	FindingDecide, TableExport, AuditRead, AuditChange, AuditCases, AuditAnswer, PackSign, DocumentRead, DocumentConfirm, DocumentChange, DocumentApprove, QualificationRead, QualificationChange, EquipmentRead, EquipmentTest, EquipmentChange, FormRead, FormAnswer, FormEdit, AssessmentAnswer, AssessmentLead, SurveyRead, SurveyLead, IncidentReport, IncidentRead, IncidentTriage, StudyFind, ObjectRead, ObjectStore, ObjectImport, ObjectSend, StudyFetch, PeerEcho, ChangeRead, ChangeFollow, TransferRead, RuleChange,
	StorageRead, StorageRun, ObjectDelete, HoldChange,
	StepFind, StepChange, PerformedWrite, ChannelRead, ChannelChange, ReceiverChange, MessageRead, MessageChange, IdentityRead,
	LinkChange, FactChange, RecordRead, RecordChange, SiteRead, SiteChange, RoomName, PeerRead, PeerChange, ContentCheck, PolicyRead, UserRead, UserChange,
	OwnChange, TokenOwn, TokenChange, StudyExplain, StudyGrant, GlassOpen, GlassReview, JournalRead, JournalExport,
	AccessListRead, Rebuild, RegisterRead, RegisterChange, RequestHandle, BreachHandle, PersonExport, PersonErase,
	PersonRestrict, StatusRead, JobReplay, BackupRun, ConfigApply, DemoLoad, SecondaryUse,
}

// Acts returns every act, in the order in which tables show them.
func Acts() []Act { return slices.Clone(acts) }

// A Subject is whose data an act concerns.
type Subject struct {
	Site   string // "" means the installation as a whole
	Person string // a patient, as archive.Person names them; "" if nobody in particular
	Study  string // Study Instance UID, "" if none in particular
}
