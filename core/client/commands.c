/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. */
#include "client/commands.h"

static const struct cli_command *const table[] = {
    &command_run,
    &command_create,
    &command_start,
    &command_stop,
    &command_restart,
    &command_pause,
    &command_unpause,
    &command_kill,
    &command_rm,
    &command_ps,
    &command_logs,
    &command_exec,
    &command_attach,
    &command_wait,
    &command_inspect,
    &command_images,
    &command_import,
    &command_tag,
    &command_rmi,
    &command_history,
    &command_info,
    &command_version,
    &command_events,
    &command_check,
    &command_container_inspect,
    &command_image_inspect,
    &command_volume_create,
    &command_volume_ls,
    &command_volume_inspect,
    &command_volume_rm,
    &command_network_ls,
    &command_network_inspect,
    &command_config_show,
    &command_config_reload,
};

const struct cli_command *const *cli_commands(size_t *n)
{
    *n = ARRAY_SIZE(table);
    return table;
}
