package hl7

// fieldNames has the fields of segments by position: name and data type of version
// 2.5.1 (chapters 2 to 10), which later versions keep; CE became CWE, TS became DTM.
// Compared with the table of hl7-dictionary 1.0.1, IPC also with HAPI. MSH-22 to MSH-25
// and OBX-20 to OBX-22 are of 2.7 and 2.6, where 2.5.1 has nothing.
// Deviation: names are written without blanks, apostrophes and hyphens; ZDS is no
// segment of HL7 but of IHE Radiology Scheduled Workflow.
var fieldNames = map[string]string{
	"MSH": `FieldSeparator:ST EncodingCharacters:ST SendingApplication:HD SendingFacility:HD ReceivingApplication:HD ReceivingFacility:HD
		DateTimeOfMessage:TS Security:ST MessageType:MSG MessageControlID:ST ProcessingID:PT VersionID:VID SequenceNumber:NM
		ContinuationPointer:ST AcceptAcknowledgmentType:ID ApplicationAcknowledgmentType:ID CountryCode:ID CharacterSet:ID
		PrincipalLanguageOfMessage:CE AlternateCharacterSetHandlingScheme:ID MessageProfileIdentifier:EI
		SendingResponsibleOrganization:XON ReceivingResponsibleOrganization:XON SendingNetworkAddress:HD ReceivingNetworkAddress:HD`,
	"BHS": `BatchFieldSeparator:ST BatchEncodingCharacters:ST BatchSendingApplication:HD BatchSendingFacility:HD BatchReceivingApplication:HD
		BatchReceivingFacility:HD BatchCreationDateTime:TS BatchSecurity:ST BatchNameIDType:ST BatchComment:ST BatchControlID:ST ReferenceBatchControlID:ST`,
	"BTS": `BatchMessageCount:ST BatchComment:ST BatchTotals:NM`,
	"FHS": `FileFieldSeparator:ST FileEncodingCharacters:ST FileSendingApplication:HD FileSendingFacility:HD FileReceivingApplication:HD
		FileReceivingFacility:HD FileCreationDateTime:TS FileSecurity:ST FileNameID:ST FileHeaderComment:ST FileControlID:ST ReferenceFileControlID:ST`,
	"FTS": `FileBatchCount:NM FileTrailerComment:ST`,
	"MSA": `AcknowledgmentCode:ID MessageControlID:ST TextMessage:ST ExpectedSequenceNumber:NM DelayedAcknowledgmentType:ID ErrorCondition:CE`,
	"ERR": `ErrorCodeAndLocation:ELD ErrorLocation:ERL HL7ErrorCode:CWE Severity:ID ApplicationErrorCode:CWE ApplicationErrorParameter:ST
		DiagnosticInformation:TX UserMessage:TX InformPersonIndicator:IS OverrideType:CWE OverrideReasonCode:CWE HelpDeskContactPoint:XTN`,
	"SFT": `SoftwareVendorOrganization:XON SoftwareCertifiedVersionOrReleaseNumber:ST SoftwareProductName:ST SoftwareBinaryID:ST
		SoftwareProductInformation:TX SoftwareInstallDate:TS`,
	"EVN": `EventTypeCode:ID RecordedDateTime:TS DateTimePlannedEvent:TS EventReasonCode:IS OperatorID:XCN EventOccurred:TS EventFacility:HD`,
	"PID": `SetID:SI PatientID:CX PatientIdentifierList:CX AlternatePatientID:CX PatientName:XPN MothersMaidenName:XPN DateTimeOfBirth:TS
		AdministrativeSex:IS PatientAlias:XPN Race:CE PatientAddress:XAD CountyCode:IS PhoneNumberHome:XTN PhoneNumberBusiness:XTN
		PrimaryLanguage:CE MaritalStatus:CE Religion:CE PatientAccountNumber:CX SSNNumber:ST DriversLicenseNumber:DLN
		MothersIdentifier:CX EthnicGroup:CE BirthPlace:ST MultipleBirthIndicator:ID BirthOrder:NM Citizenship:CE VeteransMilitaryStatus:CE
		Nationality:CE PatientDeathDateAndTime:TS PatientDeathIndicator:ID IdentityUnknownIndicator:ID IdentityReliabilityCode:IS
		LastUpdateDateTime:TS LastUpdateFacility:HD SpeciesCode:CE BreedCode:CE Strain:ST ProductionClassCode:CE TribalCitizenship:CWE`,
	"PD1": `LivingDependency:IS LivingArrangement:IS PatientPrimaryFacility:XON PatientPrimaryCareProviderNameAndIDNo:XCN StudentIndicator:IS
		Handicap:IS LivingWillCode:IS OrganDonorCode:IS SeparateBill:ID DuplicatePatient:CX PublicityCode:CE ProtectionIndicator:ID
		ProtectionIndicatorEffectiveDate:DT PlaceOfWorship:XON AdvanceDirectiveCode:CE ImmunizationRegistryStatus:IS
		ImmunizationRegistryStatusEffectiveDate:DT PublicityCodeEffectiveDate:DT MilitaryBranch:IS MilitaryRankGrade:IS MilitaryStatus:IS`,
	"NK1": `SetID:SI Name:XPN Relationship:CE Address:XAD PhoneNumber:XTN BusinessPhoneNumber:XTN ContactRole:CE StartDate:DT EndDate:DT
		NextOfKinAssociatedPartiesJobTitle:ST NextOfKinAssociatedPartiesJobCodeClass:JCC NextOfKinAssociatedPartiesEmployeeNumber:CX
		OrganizationName:XON MaritalStatus:CE AdministrativeSex:IS DateTimeOfBirth:TS LivingDependency:IS AmbulatoryStatus:IS Citizenship:CE
		PrimaryLanguage:CE LivingArrangement:IS PublicityCode:CE ProtectionIndicator:ID StudentIndicator:IS Religion:CE MothersMaidenName:XPN
		Nationality:CE EthnicGroup:CE ContactReason:CE ContactPersonsName:XPN ContactPersonsTelephoneNumber:XTN ContactPersonsAddress:XAD
		NextOfKinAssociatedPartysIdentifiers:CX JobStatus:IS Race:CE Handicap:IS ContactPersonSocialSecurityNumber:ST NextOfKinBirthPlace:ST
		VIPIndicator:IS`,
	"MRG": `PriorPatientIdentifierList:CX PriorAlternatePatientID:CX PriorPatientAccountNumber:CX PriorPatientID:CX PriorVisitNumber:CX
		PriorAlternateVisitID:CX PriorPatientName:XPN`,
	"PV1": `SetID:SI PatientClass:IS AssignedPatientLocation:PL AdmissionType:IS PreadmitNumber:CX PriorPatientLocation:PL AttendingDoctor:XCN
		ReferringDoctor:XCN ConsultingDoctor:XCN HospitalService:IS TemporaryLocation:PL PreadmitTestIndicator:IS ReadmissionIndicator:IS
		AdmitSource:IS AmbulatoryStatus:IS VIPIndicator:IS AdmittingDoctor:XCN PatientType:IS VisitNumber:CX FinancialClass:FC
		ChargePriceIndicator:IS CourtesyCode:IS CreditRating:IS ContractCode:IS ContractEffectiveDate:DT ContractAmount:NM ContractPeriod:NM
		InterestCode:IS TransferToBadDebtCode:IS TransferToBadDebtDate:DT BadDebtAgencyCode:IS BadDebtTransferAmount:NM
		BadDebtRecoveryAmount:NM DeleteAccountIndicator:IS DeleteAccountDate:DT DischargeDisposition:IS DischargedToLocation:DLD DietType:CE
		ServicingFacility:IS BedStatus:IS AccountStatus:IS PendingLocation:PL PriorTemporaryLocation:PL AdmitDateTime:TS DischargeDateTime:TS
		CurrentPatientBalance:NM TotalCharges:NM TotalAdjustments:NM TotalPayments:NM AlternateVisitID:CX VisitIndicator:IS
		OtherHealthcareProvider:XCN`,
	"PV2": `PriorPendingLocation:PL AccommodationCode:CE AdmitReason:CE TransferReason:CE PatientValuables:ST PatientValuablesLocation:ST
		VisitUserCode:IS ExpectedAdmitDateTime:TS ExpectedDischargeDateTime:TS EstimatedLengthOfInpatientStay:NM ActualLengthOfInpatientStay:NM
		VisitDescription:ST ReferralSourceCode:XCN PreviousServiceDate:DT EmploymentIllnessRelatedIndicator:ID PurgeStatusCode:IS PurgeStatusDate:DT
		SpecialProgramCode:IS RetentionIndicator:ID ExpectedNumberOfInsurancePlans:NM VisitPublicityCode:IS VisitProtectionIndicator:ID
		ClinicOrganizationName:XON PatientStatusCode:IS VisitPriorityCode:IS PreviousTreatmentDate:DT ExpectedDischargeDisposition:IS
		SignatureOnFileDate:DT FirstSimilarIllnessDate:DT PatientChargeAdjustmentCode:CE RecurringServiceCode:IS BillingMediaCode:ID
		ExpectedSurgeryDateAndTime:TS MilitaryPartnershipCode:ID MilitaryNonAvailabilityCode:ID NewbornBabyIndicator:ID BabyDetainedIndicator:ID
		ModeOfArrivalCode:CE RecreationalDrugUseCode:CE AdmissionLevelOfCareCode:CE PrecautionCode:CE PatientConditionCode:CE LivingWillCode:IS
		OrganDonorCode:IS AdvanceDirectiveCode:CE PatientStatusEffectiveDate:DT ExpectedLOAReturnDateTime:TS ExpectedPreAdmissionTestingDateTime:TS
		NotifyClergyCode:IS`,
	"AL1": `SetID:SI AllergenTypeCode:CE AllergenCodeMnemonicDescription:CE AllergySeverityCode:CE AllergyReactionCode:ST IdentificationDate:DT`,
	"DG1": `SetID:SI DiagnosisCodingMethod:ID DiagnosisCode:CE DiagnosisDescription:ST DiagnosisDateTime:TS DiagnosisType:IS MajorDiagnosticCategory:CE
		DiagnosticRelatedGroup:CE DRGApprovalIndicator:ID DRGGrouperReviewCode:IS OutlierType:CE OutlierDays:NM OutlierCost:CP
		GrouperVersionAndType:ST DiagnosisPriority:ID DiagnosingClinician:XCN DiagnosisClassification:IS ConfidentialIndicator:ID
		AttestationDateTime:TS DiagnosisIdentifier:EI DiagnosisActionCode:ID`,
	"ORC": `OrderControl:ID PlacerOrderNumber:EI FillerOrderNumber:EI PlacerGroupNumber:EI OrderStatus:ID ResponseFlag:ID QuantityTiming:TQ
		ParentOrder:EIP DateTimeOfTransaction:TS EnteredBy:XCN VerifiedBy:XCN OrderingProvider:XCN EnterersLocation:PL CallBackPhoneNumber:XTN
		OrderEffectiveDateTime:TS OrderControlCodeReason:CE EnteringOrganization:CE EnteringDevice:CE ActionBy:XCN AdvancedBeneficiaryNoticeCode:CE
		OrderingFacilityName:XON OrderingFacilityAddress:XAD OrderingFacilityPhoneNumber:XTN OrderingProviderAddress:XAD OrderStatusModifier:CWE
		AdvancedBeneficiaryNoticeOverrideReason:CWE FillersExpectedAvailabilityDateTime:TS ConfidentialityCode:CWE OrderType:CWE
		EntererAuthorizationMode:CNE ParentUniversalServiceIdentifier:CWE`,
	"TQ1": `SetID:SI Quantity:CQ RepeatPattern:RPT ExplicitTime:TM RelativeTimeAndUnits:CQ ServiceDuration:CQ StartDateTime:TS EndDateTime:TS
		Priority:CWE ConditionText:TX TextInstruction:TX Conjunction:ID OccurrenceDuration:CQ TotalOccurrences:NM`,
	"OBR": `SetID:SI PlacerOrderNumber:EI FillerOrderNumber:EI UniversalServiceIdentifier:CE Priority:ID RequestedDateTime:TS
		ObservationDateTime:TS ObservationEndDateTime:TS CollectionVolume:CQ CollectorIdentifier:XCN SpecimenActionCode:ID DangerCode:CE
		RelevantClinicalInformation:ST SpecimenReceivedDateTime:TS SpecimenSource:SPS OrderingProvider:XCN OrderCallbackPhoneNumber:XTN
		PlacerField1:ST PlacerField2:ST FillerField1:ST FillerField2:ST ResultsRptStatusChngDateTime:TS ChargeToPractice:MOC
		DiagnosticServSectID:ID ResultStatus:ID ParentResult:PRL QuantityTiming:TQ ResultCopiesTo:XCN Parent:EIP
		TransportationMode:ID ReasonForStudy:CE PrincipalResultInterpreter:NDL AssistantResultInterpreter:NDL Technician:NDL
		Transcriptionist:NDL ScheduledDateTime:TS NumberOfSampleContainers:NM TransportLogisticsOfCollectedSample:CE CollectorsComment:CE
		TransportArrangementResponsibility:CE TransportArranged:ID EscortRequired:ID PlannedPatientTransportComment:CE ProcedureCode:CE
		ProcedureCodeModifier:CE PlacerSupplementalServiceInformation:CE FillerSupplementalServiceInformation:CE
		MedicallyNecessaryDuplicateProcedureReason:CWE ResultHandling:IS ParentUniversalServiceIdentifier:CWE`,
	"OBX": `SetID:SI ValueType:ID ObservationIdentifier:CE ObservationSubID:ST ObservationValue: Units:CE ReferencesRange:ST AbnormalFlags:IS
		Probability:NM NatureOfAbnormalTest:ID ObservationResultStatus:ID EffectiveDateOfReferenceRange:TS UserDefinedAccessChecks:ST
		DateTimeOfTheObservation:TS ProducersID:CE ResponsibleObserver:XCN ObservationMethod:CE EquipmentInstanceIdentifier:EI
		DateTimeOfTheAnalysis:TS ObservationSite:CWE ObservationInstanceIdentifier:EI MoodCode:CNE PerformingOrganizationName:XON
		PerformingOrganizationAddress:XAD PerformingOrganizationMedicalDirector:XCN`,
	"NTE": `SetID:SI SourceOfComment:ID Comment:FT CommentType:CE`,
	"IPC": `AccessionIdentifier:EI RequestedProcedureID:EI StudyInstanceUID:EI ScheduledProcedureStepID:EI Modality:CE ProtocolCode:CE
		ScheduledStationName:EI ScheduledProcedureStepLocation:CE ScheduledAETitle:ST`,
	"ZDS": `StudyInstanceUID:RP`,
	"SPM": `SetID:SI SpecimenID:EIP SpecimenParentIDs:EIP SpecimenType:CWE SpecimenTypeModifier:CWE SpecimenAdditives:CWE SpecimenCollectionMethod:CWE
		SpecimenSourceSite:CWE SpecimenSourceSiteModifier:CWE SpecimenCollectionSite:CWE SpecimenRole:CWE SpecimenCollectionAmount:CQ
		GroupedSpecimenCount:NM SpecimenDescription:ST SpecimenHandlingCode:CWE SpecimenRiskCode:CWE SpecimenCollectionDateTime:DR
		SpecimenReceivedDateTime:TS SpecimenExpirationDateTime:TS SpecimenAvailability:ID SpecimenRejectReason:CWE SpecimenQuality:CWE
		SpecimenAppropriateness:CWE SpecimenCondition:CWE SpecimenCurrentQuantity:CQ NumberOfSpecimenContainers:NM ContainerType:CWE
		ContainerCondition:CWE SpecimenChildRole:CWE`,
	"SCH": `PlacerAppointmentID:EI FillerAppointmentID:EI OccurrenceNumber:NM PlacerGroupNumber:EI ScheduleID:CE EventReason:CE
		AppointmentReason:CE AppointmentType:CE AppointmentDuration:NM AppointmentDurationUnits:CE AppointmentTimingQuantity:TQ
		PlacerContactPerson:XCN PlacerContactPhoneNumber:XTN PlacerContactAddress:XAD PlacerContactLocation:PL FillerContactPerson:XCN
		FillerContactPhoneNumber:XTN FillerContactAddress:XAD FillerContactLocation:PL EnteredByPerson:XCN EnteredByPhoneNumber:XTN
		EnteredByLocation:PL ParentPlacerAppointmentID:EI ParentFillerAppointmentID:EI FillerStatusCode:CE PlacerOrderNumber:EI
		FillerOrderNumber:EI`,
	"RGS": `SetID:SI SegmentActionCode:ID ResourceGroupID:CE`,
	"AIS": `SetID:SI SegmentActionCode:ID UniversalServiceIdentifier:CE StartDateTime:TS StartDateTimeOffset:NM StartDateTimeOffsetUnits:CE
		Duration:NM DurationUnits:CE AllowSubstitutionCode:IS FillerStatusCode:CE PlacerSupplementalServiceInformation:CE
		FillerSupplementalServiceInformation:CE`,
	"AIG": `SetID:SI SegmentActionCode:ID ResourceID:CE ResourceType:CE ResourceGroup:CE ResourceQuantity:NM ResourceQuantityUnits:CE
		StartDateTime:TS StartDateTimeOffset:NM StartDateTimeOffsetUnits:CE Duration:NM DurationUnits:CE AllowSubstitutionCode:IS
		FillerStatusCode:CE`,
	"AIL": `SetID:SI SegmentActionCode:ID LocationResourceID:PL LocationType:CE LocationGroup:CE StartDateTime:TS StartDateTimeOffset:NM
		StartDateTimeOffsetUnits:CE Duration:NM DurationUnits:CE AllowSubstitutionCode:IS FillerStatusCode:CE`,
	"AIP": `SetID:SI SegmentActionCode:ID PersonnelResourceID:XCN ResourceType:CE ResourceGroup:CE StartDateTime:TS StartDateTimeOffset:NM
		StartDateTimeOffsetUnits:CE Duration:NM DurationUnits:CE AllowSubstitutionCode:IS FillerStatusCode:CE`,
	"TXA": `SetID:SI DocumentType:IS DocumentContentPresentation:ID ActivityDateTime:TS PrimaryActivityProvider:XCN OriginationDateTime:TS
		TranscriptionDateTime:TS EditDateTime:TS Originator:XCN AssignedDocumentAuthenticator:XCN Transcriptionist:XCN
		UniqueDocumentNumber:EI ParentDocumentNumber:EI PlacerOrderNumber:EI FillerOrderNumber:EI UniqueDocumentFileName:ST
		DocumentCompletionStatus:ID DocumentConfidentialityStatus:ID DocumentAvailabilityStatus:ID DocumentStorageStatus:ID
		DocumentChangeReason:ST AuthenticationPersonTimeStamp:PPN DistributedCopies:XCN`,
	"IN1": `SetID:SI InsurancePlanID:CE InsuranceCompanyID:CX InsuranceCompanyName:XON InsuranceCompanyAddress:XAD InsuranceCoContactPerson:XPN
		InsuranceCoPhoneNumber:XTN GroupNumber:ST GroupName:XON InsuredsGroupEmpID:CX InsuredsGroupEmpName:XON PlanEffectiveDate:DT
		PlanExpirationDate:DT AuthorizationInformation:AUI PlanType:IS NameOfInsured:XPN InsuredsRelationshipToPatient:CE InsuredsDateOfBirth:TS
		InsuredsAddress:XAD AssignmentOfBenefits:IS CoordinationOfBenefits:IS CoordOfBenPriority:ST NoticeOfAdmissionFlag:ID
		NoticeOfAdmissionDate:DT ReportOfEligibilityFlag:ID ReportOfEligibilityDate:DT ReleaseInformationCode:IS PreAdmitCert:ST
		VerificationDateTime:TS VerificationBy:XCN TypeOfAgreementCode:IS BillingStatus:IS LifetimeReserveDays:NM DelayBeforeLRDay:NM
		CompanyPlanCode:IS PolicyNumber:ST PolicyDeductible:CP PolicyLimitAmount:CP PolicyLimitDays:NM RoomRateSemiPrivate:CP RoomRatePrivate:CP
		InsuredsEmploymentStatus:CE InsuredsAdministrativeSex:IS InsuredsEmployersAddress:XAD VerificationStatus:ST PriorInsurancePlanID:IS
		CoverageType:IS Handicap:IS InsuredsIDNumber:CX SignatureCode:IS SignatureCodeDate:DT InsuredsBirthPlace:ST VIPIndicator:IS`,
}

// sameType names data types that others became or shorten.
var sameType = map[string]string{"CWE": "CE", "CNE": "CE", "DTM": "TS", "PPN": "XCN"}

// partNames has the components of data types by position (chapter 2.A).
var partNames = map[string]string{
	"HD":  `NamespaceID:IS UniversalID:ST UniversalIDType:ID`,
	"EI":  `EntityIdentifier:ST NamespaceID:IS UniversalID:ST UniversalIDType:ID`,
	"EIP": `PlacerAssignedIdentifier:EI FillerAssignedIdentifier:EI`,
	"CX": `IDNumber:ST CheckDigit:ST CheckDigitScheme:ID AssigningAuthority:HD IdentifierTypeCode:ID AssigningFacility:HD EffectiveDate:DT
		ExpirationDate:DT AssigningJurisdiction:CWE AssigningAgencyOrDepartment:CWE`,
	"CE": `Identifier:ST Text:ST NameOfCodingSystem:ID AlternateIdentifier:ST AlternateText:ST NameOfAlternateCodingSystem:ID
		CodingSystemVersionID:ST AlternateCodingSystemVersionID:ST OriginalText:ST`,
	"FN": `Surname:ST OwnSurnamePrefix:ST OwnSurname:ST SurnamePrefixFromPartner:ST SurnameFromPartner:ST`,
	"XPN": `FamilyName:FN GivenName:ST SecondAndFurtherGivenNames:ST Suffix:ST Prefix:ST Degree:IS NameTypeCode:ID NameRepresentationCode:ID
		NameContext:CE NameValidityRange:DR NameAssemblyOrder:ID EffectiveDate:TS ExpirationDate:TS ProfessionalSuffix:ST`,
	"XCN": `IDNumber:ST FamilyName:FN GivenName:ST SecondAndFurtherGivenNames:ST Suffix:ST Prefix:ST Degree:IS SourceTable:IS AssigningAuthority:HD
		NameTypeCode:ID IdentifierCheckDigit:ST CheckDigitScheme:ID IdentifierTypeCode:ID AssigningFacility:HD NameRepresentationCode:ID
		NameContext:CE NameValidityRange:DR NameAssemblyOrder:ID EffectiveDate:TS ExpirationDate:TS ProfessionalSuffix:ST AssigningJurisdiction:CWE
		AssigningAgencyOrDepartment:CWE`,
	"SAD": `StreetOrMailingAddress:ST StreetName:ST DwellingNumber:ST`,
	"XAD": `StreetAddress:SAD OtherDesignation:ST City:ST StateOrProvince:ST ZipOrPostalCode:ST Country:ID AddressType:ID OtherGeographicDesignation:ST
		CountyParishCode:IS CensusTract:IS AddressRepresentationCode:ID AddressValidityRange:DR EffectiveDate:TS ExpirationDate:TS`,
	"XTN": `TelephoneNumber:ST TelecommunicationUseCode:ID TelecommunicationEquipmentType:ID EmailAddress:ST CountryCode:NM AreaCityCode:NM
		LocalNumber:NM Extension:NM AnyText:ST ExtensionPrefix:ST SpeedDialCode:ST UnformattedTelephoneNumber:ST`,
	"XON": `OrganizationName:ST OrganizationNameTypeCode:IS IDNumber:NM CheckDigit:NM CheckDigitScheme:ID AssigningAuthority:HD
		IdentifierTypeCode:ID AssigningFacility:HD NameRepresentationCode:ID OrganizationIdentifier:ST`,
	"PL": `PointOfCare:IS Room:IS Bed:IS Facility:HD LocationStatus:IS PersonLocationType:IS Building:IS Floor:IS LocationDescription:ST
		ComprehensiveLocationIdentifier:EI AssigningAuthorityForLocation:HD`,
	"TS": `Time:ST DegreeOfPrecision:ID`,
	"TQ": `Quantity:CQ Interval:RI Duration:ST StartDateTime:TS EndDateTime:TS Priority:ST Condition:ST Text:TX Conjunction:ID OrderSequencing:OSD
		OccurrenceDuration:CE TotalOccurrences:NM`,
	"CQ":  `Quantity:NM Units:CE`,
	"MSG": `MessageCode:ID TriggerEvent:ID MessageStructure:ID`,
	"PT":  `ProcessingID:ID ProcessingMode:ID`,
	"VID": `VersionID:ID InternationalizationCode:CE InternationalVersionID:CE`,
	"SN":  `Comparator:ST Num1:NM SeparatorSuffix:ST Num2:NM`,
	"ED":  `SourceApplication:HD TypeOfData:ID DataSubtype:ID Encoding:ID Data:TX`,
	"RP":  `Pointer:ST ApplicationID:HD TypeOfData:ID Subtype:ID`,
	"ERL": `SegmentID:ST SegmentSequence:NM FieldPosition:NM FieldRepetition:NM ComponentNumber:NM SubComponentNumber:NM`,
	"ELD": `SegmentID:ST SegmentSequence:NM FieldPosition:NM CodeIdentifyingError:CE`,
	"NDL": `NameOfPerson:CNN StartDateTime:TS EndDateTime:TS PointOfCare:IS Room:IS Bed:IS Facility:HD LocationStatus:IS PatientLocationType:IS Building:IS
		Floor:IS`,
	"CNN": `IDNumber:ST FamilyName:ST GivenName:ST SecondAndFurtherGivenNames:ST Suffix:ST Prefix:ST Degree:IS SourceTable:IS
		AssigningAuthorityNamespaceID:IS AssigningAuthorityUniversalID:ST AssigningAuthorityUniversalIDType:ID`,
	"MOC": `MonetaryAmount:MO ChargeCode:CE`,
	"FC":  `FinancialClassCode:IS EffectiveDate:TS`,
	"DLD": `DischargeLocation:IS EffectiveDate:TS`,
	"DR":  `RangeStart:TS RangeEnd:TS`,
	"PRL": `ParentObservationIdentifier:CE ParentObservationSubIdentifier:ST ParentObservationValueDescriptor:TX`,
}
