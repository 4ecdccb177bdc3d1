-- +goose Up
-- Addresses are made of a seed that stays when rows are moved. What was sent before was
-- made of the place in which the row was first.

alter table survey_invite add column seed text not null default '';
update survey_invite set seed = cast(slot as text);
alter table survey add column mixed integer not null default 1; -- 0: something was begun since rows were given new places
update survey set mixed = 0 where mode = 'anonymous';
alter table survey drop column result;
