-- What a fleet keeps in PostgreSQL, in a schema of its own. May be applied any number of times.
--
-- Orleans reads its statements from the table orleansquery, by keys and with parameters that it defines. It finds a conflict by the version
-- that a statement returns: no row means that the row was not as the caller had read it.
SELECT pg_advisory_xact_lock(hashtext('host-service fleet schema'));
CREATE SCHEMA IF NOT EXISTS host_service_fleet;
SET LOCAL search_path TO host_service_fleet;

CREATE TABLE IF NOT EXISTS orleansquery (
  querykey text PRIMARY KEY,
  querytext text NOT NULL
);

-- The control silos. Each change of the list advances the version, so that two silos cannot change it at once.
CREATE TABLE IF NOT EXISTS silo_list (
  deploymentid text PRIMARY KEY,
  version integer NOT NULL
);

CREATE TABLE IF NOT EXISTS silo (
  deploymentid text NOT NULL REFERENCES silo_list ON DELETE CASCADE,
  address text NOT NULL,
  port integer NOT NULL,
  generation integer NOT NULL,
  siloname text NOT NULL,
  hostname text NOT NULL,
  status integer NOT NULL,
  proxyport integer NOT NULL,
  suspecttimes text,
  starttime timestamptz NOT NULL,
  iamalivetime timestamptz NOT NULL,
  PRIMARY KEY (deploymentid, address, port, generation)
);

-- What grains keep: on which host each mandelbox is.
CREATE TABLE IF NOT EXISTS grain_state (
  serviceid text NOT NULL,
  graintype text NOT NULL,
  n0 bigint NOT NULL,
  n1 bigint NOT NULL,
  name text NOT NULL,
  payload bytea,
  version integer NOT NULL,
  changed timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (serviceid, graintype, n0, n1, name)
);

INSERT INTO orleansquery (querykey, querytext) VALUES
('InsertMembershipVersionKey', $$
  WITH made AS (
    INSERT INTO silo_list (deploymentid, version) VALUES (@DeploymentId, 0) ON CONFLICT DO NOTHING RETURNING 1)
  SELECT count(*) > 0 FROM made
$$),
('InsertMembershipKey', $$
  WITH advanced AS (
    UPDATE silo_list SET version = version + 1
    WHERE deploymentid = @DeploymentId AND version = @Version
      AND NOT EXISTS (
        SELECT 1 FROM silo
        WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
    RETURNING deploymentid),
  made AS (
    INSERT INTO silo (
      deploymentid, address, port, generation, siloname, hostname, status, proxyport, starttime, iamalivetime)
    SELECT deploymentid, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
    FROM advanced
    RETURNING 1)
  SELECT count(*) > 0 FROM made
$$),
('UpdateMembershipKey', $$
  WITH advanced AS (
    UPDATE silo_list SET version = version + 1
    WHERE deploymentid = @DeploymentId AND version = @Version
      AND EXISTS (
        SELECT 1 FROM silo
        WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
    RETURNING deploymentid),
  changed AS (
    UPDATE silo SET status = @Status, suspecttimes = @SuspectTimes, iamalivetime = @IAmAliveTime
    FROM advanced
    WHERE silo.deploymentid = advanced.deploymentid AND address = @Address AND port = @Port AND generation = @Generation
    RETURNING 1)
  SELECT count(*) > 0 FROM changed
$$),
('UpdateIAmAlivetimeKey', $$
  UPDATE silo SET iamalivetime = @IAmAliveTime
  WHERE deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
$$),
('MembershipReadRowKey', $$
  SELECT version, address, port, generation, siloname, hostname, status, proxyport, suspecttimes, starttime, iamalivetime
  FROM silo_list LEFT JOIN silo
    ON silo.deploymentid = silo_list.deploymentid AND address = @Address AND port = @Port AND generation = @Generation
  WHERE silo_list.deploymentid = @DeploymentId
$$),
('MembershipReadAllKey', $$
  SELECT version, address, port, generation, siloname, hostname, status, proxyport, suspecttimes, starttime, iamalivetime
  FROM silo_list LEFT JOIN silo ON silo.deploymentid = silo_list.deploymentid
  WHERE silo_list.deploymentid = @DeploymentId
$$),
('GatewaysQueryKey', $$
  SELECT address, proxyport, generation FROM silo WHERE deploymentid = @DeploymentId AND status = @Status AND proxyport > 0
$$),
('DeleteMembershipTableEntriesKey', $$
  DELETE FROM silo_list WHERE deploymentid = @DeploymentId
$$),
('CleanupDefunctSiloEntriesKey', $$
  DELETE FROM silo WHERE deploymentid = @DeploymentId AND iamalivetime < @IAmAliveTime AND status <> 3
$$),
('ReadFromStorageKey', $$
  SELECT payload AS payloadbinary, version FROM grain_state
  WHERE serviceid = @ServiceId AND graintype = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
    AND name = coalesce(@GrainIdExtensionString::text, '')
$$),
('WriteToStorageKey', $$
  WITH changed AS (
    UPDATE grain_state SET payload = @PayloadBinary, version = version + 1, changed = now()
    WHERE serviceid = @ServiceId AND graintype = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
      AND name = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::integer
    RETURNING version),
  made AS (
    INSERT INTO grain_state (serviceid, graintype, n0, n1, name, payload, version)
    SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString::text, ''), @PayloadBinary, 1
    WHERE @GrainStateVersion::integer IS NULL
    ON CONFLICT DO NOTHING
    RETURNING version)
  SELECT version AS newgrainstateversion FROM changed UNION ALL SELECT version FROM made
$$),
('ClearStorageKey', $$
  UPDATE grain_state SET payload = NULL, version = version + 1, changed = now()
  WHERE serviceid = @ServiceId AND graintype = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
    AND name = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::integer
  RETURNING version AS newgrainstateversion
$$),
('DeleteStorageKey', $$
  DELETE FROM grain_state
  WHERE serviceid = @ServiceId AND graintype = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
    AND name = coalesce(@GrainIdExtensionString::text, '') AND version = @GrainStateVersion::integer
  RETURNING version + 1 AS newgrainstateversion
$$)
ON CONFLICT (querykey) DO UPDATE SET querytext = excluded.querytext;
