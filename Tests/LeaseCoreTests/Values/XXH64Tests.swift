import LeaseCore
import Testing

@Suite struct XXH64Tests {
    /// The hashes of the first 0, 1, … 100 bytes of 3, 10, 17, … (each 7 more, modulo 256), by the reference
    /// implementation (xxhsum's library, release 0.8).
    private static let reference: [UInt64] = [
        0xEF46_DB37_51D8_E999, 0x1F25_C8D0_BC1F_4BB6, 0xF5BE_DEC2_3270_6303, 0x31D2_363F_52E5_64C9,
        0x9BB6_4B7D_66EE_9FDA, 0xC760_8EFD_DB70_51FE, 0x6143_6FB2_8D5C_E4C4, 0x9A7B_1499_59CE_60D8,
        0xDAB9_9D95_C6F9_0092, 0x170B_B6BF_975B_4C02, 0xBD72_77D7_E2D8_A98C, 0x7A52_CC94_57CF_1A1F,
        0xD52E_4078_33AF_5133, 0xF78B_0313_08F5_BFC8, 0xC7F1_D4D0_ACFA_5A14, 0x1B47_CB82_43CC_8E32,
        0x4348_5023_2B78_7BE2, 0x1EFA_7025_F1B9_7A7A, 0x2879_1D24_C4CF_5E78, 0x3E91_F7C3_1712_50D0,
        0x18AE_385A_DA6B_00CB, 0xC075_1856_02AF_71EB, 0xB2CE_B44A_A258_FF36, 0x36A3_4F92_FB02_05C0,
        0xC47C_71BD_4694_FF81, 0xB13F_23E8_8418_6902, 0x76A5_852D_6E1C_AB15, 0x9AB0_B907_5529_2FC8,
        0x7292_99F9_2FF2_5C75, 0x6CD0_1834_BE7D_2537, 0x4BDD_83B2_B139_424F, 0xA2AA_5F33_CC4A_6119,
        0x23C3_C17E_F790_FD97, 0x50A7_CFC7_BA58_8784, 0xC3E4_9B08_A6AA_D624, 0xA5B3_4560_11D2_913B,
        0xC0B5_2B0D_CC5E_3F7F, 0xE32E_F638_02F5_A3FD, 0xA469_6F18_F9AC_CE05, 0x880B_BEEA_606E_4B37,
        0xB620_306B_253D_76B6, 0x8D56_B39A_3873_5FA8, 0xD50F_B183_D9C4_F252, 0x7178_4BDF_7CC2_0CEE,
        0xA4B1_9436_AB40_EDB0, 0x86FA_EE00_897C_4B41, 0xD524_C35B_6472_62AC, 0xA7C5_465C_C5AD_205E,
        0xDA76_BBB3_5443_38EE, 0x756D_92B5_FF28_E5BC, 0x3FEB_2F60_DD4D_0DBD, 0xF163_9A50_DBA4_740B,
        0xE3BB_A384_BC67_D6EE, 0x84A0_96F5_91E6_F04E, 0x6A7E_7D31_9291_0190, 0x0A81_5463_DD86_507A,
        0xED35_0C04_E51A_88E9, 0xE1D2_88E4_DE03_CB88, 0xF6E7_89B2_51EA_5E64, 0xC7A6_1C29_CFAF_E592,
        0x00F7_F073_0E73_6D93, 0xEA5D_9295_B669_D981, 0xF1A1_A311_AD02_B5B1, 0x5E3E_54B4_31C7_493C,
        0x0EB6_4B3E_F6EE_B01F, 0xA383_B724_B2BD_12F1, 0xB6D5_5F01_3843_14C2, 0x36C3_014E_8CF0_EF72,
        0x6956_9D3F_713F_823E, 0x5779_3F2C_918C_48A5, 0x9CC0_BDC8_5324_3C07, 0xFDB8_DFC5_7001_41A7,
        0xFD91_A561_882D_1FF7, 0x8A83_4ABC_F2F8_B93C, 0xD340_158F_8CF0_FB15, 0xA0BD_9A2D_B08E_831F,
        0x40AB_8C30_7092_8BCC, 0xC4E0_603B_2473_C094, 0xC64C_B670_798A_0216, 0x4768_9D58_02EF_60F9,
        0x1EFB_52C7_93E1_6467, 0xCB44_6EEF_618A_5C5F, 0xCF86_163E_2A57_146D, 0x5C68_2F04_6715_8034,
        0xDABB_5970_7052_3AA0, 0xD57C_286C_39A9_AA86, 0xEC26_9DB5_5B82_C1C5, 0x453C_E28B_3E21_8742,
        0xFA72_FFDA_01FF_1D53, 0x5334_DA4F_4454_1483, 0xA885_9917_0950_FE6B, 0xE267_317D_04F7_69FD,
        0x4972_B652_8838_316B, 0x440C_A19B_24B4_6393, 0xD23F_68BF_6AF1_ABC1, 0xF6FF_B910_3991_895F,
        0x3101_A958_DE58_2E18, 0xB2B3_F990_2EC2_EFBD, 0xEEE3_136B_2AF7_FF5D, 0x06A0_8EB0_98AF_A2C3,
        0xA61F_8D4C_170F_E531,
    ]

    @Test func everyLengthUpTo100AgreesWithTheReference() {
        let pattern = (0...100).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
        for length in 0...100 {
            #expect(XXH64.hash(Array(pattern.prefix(length))) == Self.reference[length], "\(length) bytes")
        }
    }

    @Test func wordsAgreeWithTheReference() {
        #expect(XXH64.hash([]) == 0xEF46_DB37_51D8_E999)
        #expect(XXH64.hash(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
    }

    @Test func bytesThatComeInPiecesHaveTheHashOfTheWhole() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
        for length in 0...100 {
            for size in [1, 3, 31, 32, 33, 64] {
                var hash = XXH64()
                for start in stride(from: 0, to: length, by: size) {
                    hash.update(bytes[start..<min(start + size, length)])
                    #expect(hash.value == Self.reference[min(start + size, length)], "\(length) bytes by \(size)")
                }
                #expect(hash.value == Self.reference[length])
            }
        }
    }
}
