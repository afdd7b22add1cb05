BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE alert (
	id VARCHAR NOT NULL, 
	grp VARCHAR NOT NULL, 
	rule VARCHAR NOT NULL, 
	severity VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	subject_name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	value FLOAT, 
	limit_value FLOAT, 
	unit VARCHAR NOT NULL, 
	since BIGINT NOT NULL, 
	fired_at BIGINT NOT NULL, 
	resolved_at BIGINT, 
	acknowledged_at BIGINT, 
	acknowledged_by VARCHAR, 
	note TEXT, 
	CONSTRAINT pk_alert PRIMARY KEY (id)
);
CREATE TABLE alert_history (
	id INTEGER NOT NULL, 
	alert VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	event VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	"by" VARCHAR NOT NULL, 
	CONSTRAINT pk_alert_history PRIMARY KEY (id), 
	CONSTRAINT fk_alert_history_alert FOREIGN KEY(alert) REFERENCES alert (id)
);
CREATE TABLE alert_state (
	grp VARCHAR NOT NULL, 
	rule VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	phase VARCHAR NOT NULL, 
	since BIGINT, 
	clear_since BIGINT, 
	seen BIGINT, 
	alert VARCHAR, 
	memory TEXT NOT NULL, 
	CONSTRAINT pk_alert_state PRIMARY KEY (grp, rule, subject)
);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1767283860000,'wang','entry','{"meter": "cars", "month": "2025-12", "before": null, "after": 100500}');
INSERT INTO "audit" VALUES(2,1767283860000,'li','spread_profile','{"meter": "far", "valid_from": 1770739200000, "weights": "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168]"}');
CREATE TABLE birth (
	grp VARCHAR NOT NULL, 
	node VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	bd_seq INTEGER, 
	metrics TEXT NOT NULL, 
	CONSTRAINT pk_birth PRIMARY KEY (grp, node, device, at)
);
CREATE TABLE command (
	id VARCHAR NOT NULL, 
	grp VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	point VARCHAR NOT NULL, 
	value FLOAT NOT NULL, 
	why TEXT NOT NULL, 
	"by" VARCHAR NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	state VARCHAR NOT NULL, 
	read_back FLOAT, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_command PRIMARY KEY (id)
);
CREATE TABLE compound (
	id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_compound PRIMARY KEY (id)
);
INSERT INTO "compound" VALUES('c1','{"zh": "c1", "en": "c1"}');
INSERT INTO "compound" VALUES('c2','{"zh": "c2", "en": "c2"}');
CREATE TABLE denominator (
	unit VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	valid_from VARCHAR NOT NULL, 
	value NUMERIC(18, 4) NOT NULL, 
	approved_by VARCHAR NOT NULL, 
	CONSTRAINT pk_denominator PRIMARY KEY (unit, kind, valid_from), 
	CONSTRAINT fk_denominator_unit FOREIGN KEY(unit) REFERENCES unit (id)
);
INSERT INTO "denominator" VALUES('a','headcount','2020-01-01',70,'site file');
INSERT INTO "denominator" VALUES('a','area','2020-01-01',3000.5,'site file');
INSERT INTO "denominator" VALUES('b','headcount','2020-01-01',30,'site file');
INSERT INTO "denominator" VALUES('b','area','2020-01-01',1000,'site file');
INSERT INTO "denominator" VALUES('c','headcount','2020-01-01',50,'site file');
INSERT INTO "denominator" VALUES('c','area','2020-01-01',2000,'site file');
CREATE TABLE device (
	grp VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	class VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	compound VARCHAR, 
	gateway VARCHAR NOT NULL, 
	profile VARCHAR, 
	interval FLOAT, 
	CONSTRAINT pk_device PRIMARY KEY (grp, id)
);
INSERT INTO "device" VALUES('510802','power','electricity','{"zh": "power", "en": "power"}',NULL,'gw','electricity/chint-dtsu666',15.0);
INSERT INTO "device" VALUES('510802','lights','electricity','{"zh": "lights", "en": "lights"}',NULL,'gw','electricity/chint-dtsu666',15.0);
INSERT INTO "device" VALUES('510802','far','electricity','{"zh": "far", "en": "far"}',NULL,'gw','electricity/chint-dtsu666',900.0);
INSERT INTO "device" VALUES('510802','gas','gas','{"zh": "gas", "en": "gas"}',NULL,'gw','gas/jieyue-gas-meter',30.0);
INSERT INTO "device" VALUES('510802','water','water','{"zh": "water", "en": "water"}',NULL,'gw','water/kaifeng-xintai',30.0);
CREATE TABLE device_state (
	grp VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	dead_at BIGINT, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_device_state PRIMARY KEY (grp, device)
);
CREATE TABLE entry (
	meter VARCHAR NOT NULL, 
	month VARCHAR NOT NULL, 
	amount BIGINT NOT NULL, 
	entered_by VARCHAR NOT NULL, 
	entered_at BIGINT NOT NULL, 
	CONSTRAINT pk_entry PRIMARY KEY (meter, month), 
	CONSTRAINT fk_entry_meter FOREIGN KEY(meter) REFERENCES meter (id)
);
INSERT INTO "entry" VALUES('cars','2025-12',100500,'wang',1767283860000);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	grp VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	detail TEXT NOT NULL, noted_at BIGINT, 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	UNIQUE (kind, grp, subject, at)
);
INSERT INTO "event" VALUES(1,'counter_backwards','510802','far',1767168000000,'{"since": "2025-12-31T07:00:00.000Z", "before": 1157690, "after": 1059860, "counted": 0, "unit": "Wh"}',NULL);
CREATE TABLE exchange (
	meter VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	old_last BIGINT NOT NULL, 
	new_first BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	recorded_by VARCHAR NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	CONSTRAINT pk_exchange PRIMARY KEY (meter, at), 
	CONSTRAINT fk_exchange_meter FOREIGN KEY(meter) REFERENCES meter (id)
);
CREATE TABLE factor (
	"set" VARCHAR NOT NULL, 
	energy VARCHAR NOT NULL, 
	valid_from VARCHAR NOT NULL, 
	valid_to VARCHAR, 
	unit VARCHAR NOT NULL, 
	kgce_per_unit VARCHAR NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_factor PRIMARY KEY ("set", energy, valid_from)
);
INSERT INTO "factor" VALUES('national','electricity','2008-10-01',NULL,'kWh','0.1229','GB/T 2589-2020 equivalent value (860 kcal/kWh)');
INSERT INTO "factor" VALUES('national','natural_gas','2008-10-01',NULL,'m3','1.33','GB/T 2589-2020 upper end of the range; national statistics practice');
INSERT INTO "factor" VALUES('national','coal','2008-10-01',NULL,'kg','0.7143','GB/T 2589-2020 raw coal');
INSERT INTO "factor" VALUES('national','petrol','2008-10-01',NULL,'L','1.074122','0.73 kg/L (derived) x 1.4714 kgce/kg, GB/T 2589-2020');
INSERT INTO "factor" VALUES('national','diesel','2008-10-01',NULL,'L','1.238535','0.85 kg/L (derived) x 1.4571 kgce/kg, GB/T 2589-2020');
INSERT INTO "factor" VALUES('national','lpg','2008-10-01',NULL,'kg','1.7143','GB/T 2589-2020, 50 242 kJ/kg (not verified against the standard)');
INSERT INTO "factor" VALUES('national','heat','2008-10-01',NULL,'MJ','0.03412','GB/T 2589-2020 heat, equivalent value');
INSERT INTO "factor" VALUES('national','other','2008-10-01',NULL,'kgce','1','already in standard coal');
CREATE TABLE factor_co2 (
	"set" VARCHAR NOT NULL, 
	energy VARCHAR NOT NULL, 
	valid_from VARCHAR NOT NULL, 
	valid_to VARCHAR, 
	kgco2_per_unit VARCHAR NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_factor_co2 PRIMARY KEY ("set", energy, valid_from)
);
INSERT INTO "factor_co2" VALUES('national','electricity','2023-01-01',NULL,'0.5306','MEE and NBS announcement 2025 No. 47, data year 2023, national average; purchased power only');
INSERT INTO "factor_co2" VALUES('national','natural_gas','2008-10-01',NULL,'2.1622','public audit factor table, 21.622 t per 10^4 m3');
INSERT INTO "factor_co2" VALUES('national','petrol','2008-10-01',NULL,'2.135323','0.73 kg/L (derived) x 2.9251 kg/kg, public audit factor table');
INSERT INTO "factor_co2" VALUES('national','diesel','2008-10-01',NULL,'2.631515','0.85 kg/L (derived) x 3.0959 kg/kg, public audit factor table');
INSERT INTO "factor_co2" VALUES('national','coal','2008-10-01',NULL,'1.900','public audit factor table, about 1.900 t/t');
CREATE TABLE latest (
	grp VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	point VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT, 
	quality INTEGER NOT NULL, 
	reason VARCHAR NOT NULL, 
	received_at BIGINT NOT NULL, 
	good_at BIGINT, 
	CONSTRAINT pk_latest PRIMARY KEY (grp, device, point)
);
CREATE TABLE ledger_hour (
	meter VARCHAR NOT NULL, 
	hour BIGINT NOT NULL, 
	provenance VARCHAR NOT NULL, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_ledger_hour PRIMARY KEY (meter, hour, provenance)
);
INSERT INTO "ledger_hour" VALUES('power',1767024000000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767027600000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767031200000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767034800000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767038400000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767042000000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767045600000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767049200000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767052800000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767056400000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767060000000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767063600000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767067200000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767070800000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767074400000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767078000000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767081600000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767085200000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767088800000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767092400000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767096000000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767099600000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767103200000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767106800000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767110400000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767114000000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767117600000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767121200000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767124800000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767128400000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767132000000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767135600000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767139200000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767142800000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767146400000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767150000000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767153600000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767157200000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767160800000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767164400000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767168000000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767171600000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767175200000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767178800000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767182400000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767186000000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767189600000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767193200000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767196800000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767200400000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767204000000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767207600000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767211200000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767214800000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767218400000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767222000000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767225600000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767229200000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767232800000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767236400000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767240000000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767243600000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767247200000,'measured',6360);
INSERT INTO "ledger_hour" VALUES('power',1767250800000,'measured',5300);
INSERT INTO "ledger_hour" VALUES('power',1767254400000,'measured',4240);
INSERT INTO "ledger_hour" VALUES('power',1767258000000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('power',1767261600000,'measured',6890);
INSERT INTO "ledger_hour" VALUES('power',1767265200000,'measured',5830);
INSERT INTO "ledger_hour" VALUES('power',1767268800000,'measured',4770);
INSERT INTO "ledger_hour" VALUES('power',1767272400000,'measured',3710);
INSERT INTO "ledger_hour" VALUES('power',1767276000000,'measured',7420);
INSERT INTO "ledger_hour" VALUES('power',1767279600000,'measured',3180);
INSERT INTO "ledger_hour" VALUES('lights',1767024000000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767027600000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767031200000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767034800000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767038400000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767042000000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767045600000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767049200000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767052800000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767056400000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767060000000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767063600000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767067200000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767070800000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767074400000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767078000000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767081600000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767085200000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767088800000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767092400000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767096000000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767099600000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767103200000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767106800000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767110400000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767114000000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767117600000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767121200000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767124800000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767128400000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767132000000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767135600000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767139200000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767142800000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767146400000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767150000000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767153600000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767157200000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767160800000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767164400000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767168000000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767171600000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767175200000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767178800000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767182400000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767186000000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767189600000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767193200000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767196800000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767200400000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767204000000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767207600000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767211200000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767214800000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767218400000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767222000000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767225600000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767229200000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767232800000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767236400000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767240000000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767243600000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767247200000,'measured',1020);
INSERT INTO "ledger_hour" VALUES('lights',1767250800000,'measured',2210);
INSERT INTO "ledger_hour" VALUES('lights',1767254400000,'measured',1870);
INSERT INTO "ledger_hour" VALUES('lights',1767258000000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('lights',1767261600000,'measured',1190);
INSERT INTO "ledger_hour" VALUES('lights',1767265200000,'measured',2380);
INSERT INTO "ledger_hour" VALUES('lights',1767268800000,'measured',2040);
INSERT INTO "ledger_hour" VALUES('lights',1767272400000,'measured',1700);
INSERT INTO "ledger_hour" VALUES('lights',1767276000000,'measured',1360);
INSERT INTO "ledger_hour" VALUES('lights',1767279600000,'measured',1530);
INSERT INTO "ledger_hour" VALUES('far',1767024000000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767027600000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767031200000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767034800000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767038400000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767042000000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767045600000,'measured',2170);
INSERT INTO "ledger_hour" VALUES('far',1767049200000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767052800000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767056400000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767060000000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767063600000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767067200000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767070800000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767074400000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767078000000,'measured',2170);
INSERT INTO "ledger_hour" VALUES('far',1767081600000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767085200000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767088800000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767092400000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767096000000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767099600000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767103200000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767106800000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767110400000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767114000000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767117600000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767121200000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767124800000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767128400000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767132000000,'measured',2170);
INSERT INTO "ledger_hour" VALUES('far',1767135600000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767139200000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767142800000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767146400000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767150000000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767153600000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767157200000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767160800000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767164400000,'estimated',0);
INSERT INTO "ledger_hour" VALUES('far',1767168000000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767171600000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767175200000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767178800000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767182400000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767186000000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767189600000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767193200000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767196800000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767200400000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767204000000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767207600000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767211200000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767214800000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767218400000,'measured',2170);
INSERT INTO "ledger_hour" VALUES('far',1767222000000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767225600000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767229200000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767232800000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767236400000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767240000000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767243600000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767247200000,'measured',2790);
INSERT INTO "ledger_hour" VALUES('far',1767250800000,'measured',2170);
INSERT INTO "ledger_hour" VALUES('far',1767254400000,'measured',4340);
INSERT INTO "ledger_hour" VALUES('far',1767258000000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('far',1767261600000,'measured',3100);
INSERT INTO "ledger_hour" VALUES('far',1767265200000,'measured',2480);
INSERT INTO "ledger_hour" VALUES('far',1767268800000,'measured',1860);
INSERT INTO "ledger_hour" VALUES('far',1767272400000,'measured',4030);
INSERT INTO "ledger_hour" VALUES('far',1767276000000,'measured',3410);
INSERT INTO "ledger_hour" VALUES('far',1767279600000,'measured',3720);
INSERT INTO "ledger_hour" VALUES('gas',1767024000000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767027600000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767031200000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767034800000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767038400000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767042000000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767045600000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767049200000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767052800000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767056400000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767060000000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767063600000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767067200000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767070800000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767074400000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767078000000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767081600000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767085200000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767088800000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767092400000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767096000000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767099600000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767103200000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767106800000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767110400000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767114000000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767117600000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767121200000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767124800000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767128400000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767132000000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767135600000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767139200000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767142800000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767146400000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767150000000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767153600000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767157200000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767160800000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767164400000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767168000000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767171600000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767175200000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767178800000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767182400000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767186000000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767189600000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767193200000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767196800000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767200400000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767204000000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767207600000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767211200000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767214800000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767218400000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767222000000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767225600000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767229200000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767232800000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767236400000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767240000000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767243600000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767247200000,'measured',1080);
INSERT INTO "ledger_hour" VALUES('gas',1767250800000,'measured',900);
INSERT INTO "ledger_hour" VALUES('gas',1767254400000,'measured',720);
INSERT INTO "ledger_hour" VALUES('gas',1767258000000,'measured',540);
INSERT INTO "ledger_hour" VALUES('gas',1767261600000,'measured',1170);
INSERT INTO "ledger_hour" VALUES('gas',1767265200000,'measured',990);
INSERT INTO "ledger_hour" VALUES('gas',1767268800000,'measured',810);
INSERT INTO "ledger_hour" VALUES('gas',1767272400000,'measured',630);
INSERT INTO "ledger_hour" VALUES('gas',1767276000000,'measured',1260);
INSERT INTO "ledger_hour" VALUES('gas',1767279600000,'measured',540);
INSERT INTO "ledger_hour" VALUES('water',1767024000000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767027600000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767031200000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767034800000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767038400000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767042000000,'measured',190);
INSERT INTO "ledger_hour" VALUES('water',1767045600000,'measured',400);
INSERT INTO "ledger_hour" VALUES('water',1767049200000,'measured',340);
INSERT INTO "ledger_hour" VALUES('water',1767052800000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767056400000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767060000000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767063600000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767067200000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767070800000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767074400000,'measured',190);
INSERT INTO "ledger_hour" VALUES('water',1767078000000,'measured',400);
INSERT INTO "ledger_hour" VALUES('water',1767081600000,'measured',340);
INSERT INTO "ledger_hour" VALUES('water',1767085200000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767088800000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767092400000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767096000000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767099600000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767103200000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767106800000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767110400000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767114000000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767117600000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767121200000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767124800000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767128400000,'measured',190);
INSERT INTO "ledger_hour" VALUES('water',1767132000000,'measured',400);
INSERT INTO "ledger_hour" VALUES('water',1767135600000,'measured',340);
INSERT INTO "ledger_hour" VALUES('water',1767139200000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767142800000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767146400000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767150000000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767153600000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767157200000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767160800000,'measured',190);
INSERT INTO "ledger_hour" VALUES('water',1767164400000,'measured',400);
INSERT INTO "ledger_hour" VALUES('water',1767168000000,'measured',340);
INSERT INTO "ledger_hour" VALUES('water',1767171600000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767175200000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767178800000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767182400000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767186000000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767189600000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767193200000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767196800000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767200400000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767204000000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767207600000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767211200000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767214800000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767218400000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767222000000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767225600000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767229200000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767232800000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767236400000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767240000000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767243600000,'distributed',310);
INSERT INTO "ledger_hour" VALUES('water',1767247200000,'measured',190);
INSERT INTO "ledger_hour" VALUES('water',1767250800000,'measured',400);
INSERT INTO "ledger_hour" VALUES('water',1767254400000,'measured',340);
INSERT INTO "ledger_hour" VALUES('water',1767258000000,'measured',280);
INSERT INTO "ledger_hour" VALUES('water',1767261600000,'measured',220);
INSERT INTO "ledger_hour" VALUES('water',1767265200000,'measured',430);
INSERT INTO "ledger_hour" VALUES('water',1767268800000,'measured',370);
INSERT INTO "ledger_hour" VALUES('water',1767272400000,'measured',310);
INSERT INTO "ledger_hour" VALUES('water',1767276000000,'measured',250);
INSERT INTO "ledger_hour" VALUES('water',1767279600000,'measured',280);
INSERT INTO "ledger_hour" VALUES('cars',1764518400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764522000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764525600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764529200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764532800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764536400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764540000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764543600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764547200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764550800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764554400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764558000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764561600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764565200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764568800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764572400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764576000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764579600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764583200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764586800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764590400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764594000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764597600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764601200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764604800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764608400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764612000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764615600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764619200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764622800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764626400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764630000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764633600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764637200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764640800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764644400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764648000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764651600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764655200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764658800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764662400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764666000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764669600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764673200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764676800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764680400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764684000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764687600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764691200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764694800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764698400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764702000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764705600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764709200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764712800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764716400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764720000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764723600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764727200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764730800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764734400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764738000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764741600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764745200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764748800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764752400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764756000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764759600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764763200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764766800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764770400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764774000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764777600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764781200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764784800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764788400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764792000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764795600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764799200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764802800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764806400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764810000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764813600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764817200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764820800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764824400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764828000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764831600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764835200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764838800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764842400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764846000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764849600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764853200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764856800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764860400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764864000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764867600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764871200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764874800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764878400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764882000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764885600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764889200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764892800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764896400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764900000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764903600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764907200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764910800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764914400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764918000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764921600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764925200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764928800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764932400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764936000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764939600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764943200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764946800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764950400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764954000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1764957600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764961200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764964800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764968400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764972000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764975600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764979200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764982800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764986400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764990000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764993600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1764997200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765000800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765004400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765008000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765011600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765015200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765018800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765022400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765026000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765029600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765033200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765036800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765040400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765044000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765047600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765051200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765054800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765058400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765062000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765065600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765069200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765072800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765076400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765080000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765083600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765087200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765090800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765094400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765098000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765101600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765105200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765108800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765112400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765116000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765119600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765123200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765126800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765130400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765134000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765137600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765141200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765144800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765148400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765152000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765155600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765159200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765162800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765166400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765170000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765173600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765177200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765180800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765184400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765188000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765191600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765195200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765198800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765202400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765206000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765209600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765213200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765216800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765220400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765224000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765227600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765231200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765234800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765238400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765242000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765245600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765249200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765252800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765256400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765260000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765263600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765267200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765270800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765274400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765278000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765281600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765285200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765288800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765292400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765296000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765299600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765303200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765306800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765310400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765314000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765317600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765321200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765324800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765328400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765332000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765335600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765339200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765342800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765346400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765350000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765353600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765357200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765360800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765364400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765368000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765371600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765375200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765378800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765382400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765386000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765389600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765393200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765396800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765400400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765404000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765407600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765411200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765414800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765418400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765422000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765425600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765429200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765432800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765436400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765440000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765443600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765447200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765450800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765454400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765458000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765461600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765465200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765468800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765472400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765476000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765479600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765483200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765486800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765490400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765494000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765497600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765501200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765504800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765508400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765512000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765515600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765519200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765522800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765526400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765530000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765533600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765537200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765540800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765544400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765548000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765551600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765555200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765558800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765562400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765566000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765569600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765573200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765576800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765580400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765584000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765587600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765591200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765594800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765598400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765602000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765605600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765609200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765612800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765616400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765620000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765623600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765627200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765630800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765634400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765638000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765641600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765645200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765648800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765652400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765656000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765659600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765663200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765666800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765670400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765674000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765677600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765681200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765684800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765688400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765692000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765695600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765699200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765702800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765706400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765710000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765713600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765717200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765720800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765724400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765728000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765731600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765735200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765738800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765742400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765746000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765749600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765753200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765756800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765760400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765764000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765767600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765771200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765774800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765778400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765782000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765785600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765789200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765792800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765796400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765800000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765803600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765807200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765810800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765814400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765818000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765821600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765825200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765828800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765832400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765836000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765839600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765843200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765846800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765850400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765854000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765857600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765861200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765864800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765868400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765872000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765875600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765879200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765882800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765886400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765890000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765893600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765897200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765900800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765904400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765908000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765911600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765915200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765918800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765922400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765926000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765929600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765933200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765936800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765940400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765944000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765947600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765951200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765954800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765958400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765962000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765965600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765969200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765972800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765976400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765980000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765983600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765987200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765990800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1765994400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1765998000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766001600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766005200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766008800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766012400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766016000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766019600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766023200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766026800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766030400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766034000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766037600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766041200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766044800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766048400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766052000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766055600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766059200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766062800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766066400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766070000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766073600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766077200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766080800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766084400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766088000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766091600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766095200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766098800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766102400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766106000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766109600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766113200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766116800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766120400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766124000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766127600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766131200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766134800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766138400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766142000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766145600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766149200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766152800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766156400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766160000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766163600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766167200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766170800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766174400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766178000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766181600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766185200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766188800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766192400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766196000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766199600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766203200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766206800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766210400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766214000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766217600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766221200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766224800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766228400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766232000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766235600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766239200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766242800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766246400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766250000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766253600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766257200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766260800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766264400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766268000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766271600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766275200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766278800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766282400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766286000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766289600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766293200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766296800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766300400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766304000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766307600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766311200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766314800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766318400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766322000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766325600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766329200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766332800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766336400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766340000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766343600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766347200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766350800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766354400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766358000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766361600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766365200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766368800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766372400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766376000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766379600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766383200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766386800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766390400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766394000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766397600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766401200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766404800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766408400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766412000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766415600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766419200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766422800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766426400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766430000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766433600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766437200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766440800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766444400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766448000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766451600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766455200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766458800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766462400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766466000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766469600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766473200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766476800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766480400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766484000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766487600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766491200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766494800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766498400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766502000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766505600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766509200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766512800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766516400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766520000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766523600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766527200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766530800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766534400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766538000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766541600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766545200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766548800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766552400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766556000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766559600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766563200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766566800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766570400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766574000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766577600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766581200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766584800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766588400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766592000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766595600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766599200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766602800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766606400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766610000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766613600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766617200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766620800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766624400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766628000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766631600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766635200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766638800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766642400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766646000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766649600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766653200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766656800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766660400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766664000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766667600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766671200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766674800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766678400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766682000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766685600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766689200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766692800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766696400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766700000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766703600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766707200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766710800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766714400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766718000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766721600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766725200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766728800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766732400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766736000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766739600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766743200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766746800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766750400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766754000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766757600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766761200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766764800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766768400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766772000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766775600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766779200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766782800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766786400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766790000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766793600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766797200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766800800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766804400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766808000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766811600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766815200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766818800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766822400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766826000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766829600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766833200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766836800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766840400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766844000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766847600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766851200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766854800000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766858400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766862000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766865600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766869200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766872800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766876400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766880000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766883600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766887200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766890800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766894400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766898000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766901600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766905200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766908800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766912400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766916000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766919600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766923200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766926800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766930400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766934000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766937600000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766941200000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1766944800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766948400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766952000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766955600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766959200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766962800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766966400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766970000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766973600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766977200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766980800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766984400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766988000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766991600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766995200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1766998800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767002400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767006000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767009600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767013200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767016800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767020400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767024000000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1767027600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767031200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767034800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767038400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767042000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767045600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767049200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767052800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767056400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767060000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767063600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767067200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767070800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767074400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767078000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767081600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767085200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767088800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767092400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767096000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767099600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767103200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767106800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767110400000,'manual',136);
INSERT INTO "ledger_hour" VALUES('cars',1767114000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767117600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767121200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767124800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767128400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767132000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767135600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767139200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767142800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767146400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767150000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767153600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767157200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767160800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767164400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767168000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767171600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767175200000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767178800000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767182400000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767186000000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767189600000,'manual',135);
INSERT INTO "ledger_hour" VALUES('cars',1767193200000,'manual',135);
CREATE TABLE meter (
	id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	grp VARCHAR NOT NULL, 
	device VARCHAR, 
	point VARCHAR, 
	energy VARCHAR NOT NULL, 
	parent VARCHAR, 
	main BOOLEAN NOT NULL, 
	item VARCHAR NOT NULL, 
	compound VARCHAR, 
	vehicle_fuel BOOLEAN NOT NULL, 
	modulus FLOAT, max_rate FLOAT, 
	CONSTRAINT pk_meter PRIMARY KEY (id)
);
INSERT INTO "meter" VALUES('power','{"zh": "power", "en": "power"}','510802','power','energy_import','electricity',NULL,1,'','c1',0,1000000.0,NULL);
INSERT INTO "meter" VALUES('lights','{"zh": "lights", "en": "lights"}','510802','lights','energy_import','electricity','power',0,'','c1',0,NULL,NULL);
INSERT INTO "meter" VALUES('far','{"zh": "far", "en": "far"}','510802','far','energy_import','electricity',NULL,1,'','c2',0,NULL,NULL);
INSERT INTO "meter" VALUES('gas','{"zh": "gas", "en": "gas"}','510802','gas','volume','natural_gas',NULL,1,'','c1',0,4294967.296,NULL);
INSERT INTO "meter" VALUES('water','{"zh": "water", "en": "water"}','510802','water','volume','water',NULL,1,'','c1',0,NULL,NULL);
INSERT INTO "meter" VALUES('cars','{"zh": "cars", "en": "cars"}','510802',NULL,NULL,'petrol',NULL,1,'','c1',1,NULL,NULL);
CREATE TABLE meter_unit (
	meter VARCHAR NOT NULL, 
	unit VARCHAR NOT NULL, 
	CONSTRAINT pk_meter_unit PRIMARY KEY (meter, unit), 
	CONSTRAINT fk_meter_unit_meter FOREIGN KEY(meter) REFERENCES meter (id), 
	CONSTRAINT fk_meter_unit_unit FOREIGN KEY(unit) REFERENCES unit (id)
);
INSERT INTO "meter_unit" VALUES('power','a');
INSERT INTO "meter_unit" VALUES('power','b');
INSERT INTO "meter_unit" VALUES('lights','a');
INSERT INTO "meter_unit" VALUES('far','c');
INSERT INTO "meter_unit" VALUES('gas','a');
INSERT INTO "meter_unit" VALUES('gas','b');
INSERT INTO "meter_unit" VALUES('water','a');
INSERT INTO "meter_unit" VALUES('water','b');
INSERT INTO "meter_unit" VALUES('cars','a');
CREATE TABLE node (
	grp VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	outbox VARCHAR, 
	bd_seq INTEGER, 
	online BOOLEAN NOT NULL, 
	changed_at BIGINT NOT NULL, 
	CONSTRAINT pk_node PRIMARY KEY (grp, id)
);
CREATE TABLE notification (
	id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	alert VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	made_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	next_try BIGINT, 
	at BIGINT, 
	reason TEXT, 
	CONSTRAINT pk_notification PRIMARY KEY (id), 
	CONSTRAINT fk_notification_alert FOREIGN KEY(alert) REFERENCES alert (id), 
	CONSTRAINT uq_notification_key UNIQUE ("key")
);
CREATE TABLE rejected_reading (
	id INTEGER NOT NULL, 
	grp VARCHAR NOT NULL, 
	class VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	point VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT, 
	quality INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	CONSTRAINT pk_rejected_reading PRIMARY KEY (id), 
	UNIQUE (grp, device, point, at)
);
CREATE TABLE site (
	id VARCHAR NOT NULL, 
	grp VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_site PRIMARY KEY (id)
);
INSERT INTO "site" VALUES('small','510802','{"zh": "small", "en": "small"}');
CREATE TABLE spread_profile (
	meter VARCHAR NOT NULL, 
	valid_from BIGINT NOT NULL, 
	weights TEXT NOT NULL, 
	recorded_by VARCHAR NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	CONSTRAINT pk_spread_profile PRIMARY KEY (meter, valid_from), 
	CONSTRAINT fk_spread_profile_meter FOREIGN KEY(meter) REFERENCES meter (id)
);
INSERT INTO "spread_profile" VALUES('far',1770739200000,'[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168]','li',1767283860000);
CREATE TABLE token (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	digest BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	CONSTRAINT pk_token PRIMARY KEY (id), 
	UNIQUE (digest)
);
CREATE TABLE touched (
	meter VARCHAR NOT NULL, 
	hour BIGINT NOT NULL, 
	generation INTEGER NOT NULL, 
	CONSTRAINT pk_touched PRIMARY KEY (meter, hour)
);
CREATE TABLE unit (
	id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	compound VARCHAR NOT NULL, 
	CONSTRAINT pk_unit PRIMARY KEY (id), 
	CONSTRAINT fk_unit_compound FOREIGN KEY(compound) REFERENCES compound (id)
);
INSERT INTO "unit" VALUES('a','{"zh": "a", "en": "a"}','c1');
INSERT INTO "unit" VALUES('b','{"zh": "b", "en": "b"}','c1');
INSERT INTO "unit" VALUES('c','{"zh": "c", "en": "c"}','c2');
CREATE INDEX ix_command_state ON command (state);
CREATE UNIQUE INDEX ix_alert_open ON alert (grp, rule, subject) WHERE state IN ('firing', 'acknowledged');
CREATE INDEX ix_alert_state_resolved_at ON alert (state, resolved_at);
CREATE INDEX ix_notification_due ON notification (channel, next_try);
CREATE INDEX ix_notification_alert ON notification (alert);
CREATE INDEX ix_event_noted_at ON event (noted_at, at);
CREATE INDEX ix_rejected_reading_received_at ON rejected_reading (received_at);
COMMIT;
